#include "raven/nn/transformer.hpp"

#include <cmath>
#include <optional>

#include "nn/activation_option.hpp"
#include "nn/attention_part.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/rows.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/dropout.hpp"

namespace raven {
namespace {

constexpr std::string_view norm_choices[] = {"pre", "post"};

const OptionDef attention_options[] = {
    heads_option(),          causal_option(),        attention_positions_option(),
    attention_bias_option(), initial_option("auto"), initial_scale_option(0.0),
};

OptionDef gelu_option() {
  OptionDef option = activation_option();
  option.fallback = std::string("gelu");
  return option;
}

OptionDef count_option() {
  return {.name = "count",
          .kind = OptionKind::integer,
          .fallback = std::int64_t{1},
          .min = 1,
          .max = 1000,
          .help = "blocks one after the other"};
}

OptionDef hidden_option() {
  return {.name = "hidden",
          .kind = OptionKind::integer,
          .fallback = std::int64_t{0},
          .min = 0,
          .help = "numbers between the two linear layers of a block; 0: four times the width"};
}

OptionDef norm_option() {
  return {.name = "norm",
          .kind = OptionKind::text,
          .fallback = std::string("pre"),
          .choices = norm_choices,
          .help = "layer norm in front of attention and linear layers, or after each sum"};
}

OptionDef epsilon_option() {
  return {.name = "epsilon",
          .kind = OptionKind::real,
          .fallback = 1.0e-5,
          .min = 1.0e-12,
          .help = "added to the variance, against division by zero"};
}

OptionDef dropout_option() {
  return {.name = "dropout",
          .kind = OptionKind::real,
          .fallback = 0.0,
          .min = 0,
          .max = 0.999,
          .help = "share of what attention and linear layers add that becomes 0 in training"};
}

const OptionDef encoder_options[] = {
    count_option(),
    heads_option(),
    hidden_option(),
    gelu_option(),
    norm_option(),
    epsilon_option(),
    dropout_option(),
    causal_option(),
    attention_positions_option(),
    attention_bias_option(),
    initial_option("normal"),
    initial_scale_option(0.0),
};

/// Its attention always is causal.
const OptionDef decoder_options[] = {
    count_option(),
    heads_option(),
    hidden_option(),
    gelu_option(),
    norm_option(),
    epsilon_option(),
    dropout_option(),
    attention_positions_option(),
    attention_bias_option(),
    initial_option("normal"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_attention(const ModuleContext& context, const Options& options) {
  need_sequences_or_tokens(context, "multi_head_attention");
  const InitialChoice initial{options.text("initial"), options.real("initial_scale")};
  return module_of(AttentionPart::add(context, context.input.shape.back(),
                                      attention_settings(options, options.boolean("causal")),
                                      initial, initial));
}

/// Attention to a memory, in a block that has it.
struct MemoryPart {
  NormPart norm;
  CrossAttentionPart attention;
};

struct Block {
  NormPart first_norm;
  AttentionPart attention;
  std::optional<MemoryPart> memory;
  NormPart second_norm;
  LinearPart up;
  LinearPart down;
};

/// What is added to the stream of a block starts smaller the more blocks there are, so that
/// their sum does not grow with depth (Radford et al., 2019).
InitialChoice smaller(const InitialChoice& initial, std::int64_t blocks) {
  const double factor = 1.0 / std::sqrt(2.0 * static_cast<double>(blocks));
  const double usual = initial.how == "normal" ? 0.02 : initial.how == "uniform" ? 0.05 : 1.0;
  return {initial.how, (initial.scale > 0 ? initial.scale : usual) * factor};
}

/// Blocks as a job or a program wants them.
struct Stack {
  TransformerSettings settings;
  InitialChoice initial;
  std::vector<Block> blocks{};

  void add_block(ModuleContext context, std::int64_t number,
                 std::optional<std::int64_t> memory_width) {
    const std::int64_t width = context.input.shape.back();
    const std::int64_t hidden = settings.hidden > 0 ? settings.hidden : 4 * width;
    const std::string prefix = context.path.empty() ? "" : context.path + ".";
    const std::string path = prefix + std::to_string(number);
    const InitialChoice back = smaller(initial, settings.count);
    const bool bias = settings.attention.bias;
    context.path = path;
    const NormPart first = NormPart::add(context, "norm1", width, settings.epsilon);
    context.path = path + ".attention";
    AttentionPart attention = AttentionPart::add(context, width, settings.attention, initial, back);
    std::optional<MemoryPart> memory;
    if (memory_width) {
      AttentionSettings across = settings.attention;
      across.causal = across.rotary = false;
      context.path = path;
      const NormPart norm = NormPart::add(context, "norm_memory", width, settings.epsilon);
      context.path = path + ".memory";
      memory = {norm,
                CrossAttentionPart::add(context, width, *memory_width, across, initial, back)};
    }
    context.path = path;
    const NormPart second = NormPart::add(context, "norm2", width, settings.epsilon);
    const LinearPart up = LinearPart::add(context, "up", width, hidden, bias, initial);
    blocks.push_back({first, attention, memory, second, up,
                      LinearPart::add(context, "down", hidden, width, bias, back)});
  }

  [[nodiscard]] Variable run(const ParameterStore& store, Variable x, Variable memory = {},
                             Variable lengths = {}) const {
    for (const Block& block : blocks) {
      /// x with what a part makes of it, normed before or after.
      const auto with = [&](const NormPart& norm, const auto& part) {
        const auto share = [&](Variable v) { return dropout(part(v), settings.dropout); };
        x = settings.norm_first ? add(x, share(norm(store, x))) : norm(store, add(x, share(x)));
      };
      with(block.first_norm, [&](Variable v) { return block.attention(store, v); });
      if (block.memory) {
        with(block.memory->norm,
             [&](Variable v) { return block.memory->attention(store, v, memory, lengths); });
      }
      with(block.second_norm,
           [&](Variable v) { return block.down(store, block.up(store, v, settings.activation)); });
    }
    return x;
  }
};

Stack stack_of(const ModuleContext& context, const TransformerSettings& settings,
               const InitialChoice& initial, std::optional<std::int64_t> memory_width = {}) {
  Stack stack{settings, initial};
  for (std::int64_t i = 0; i < settings.count; ++i) stack.add_block(context, i, memory_width);
  return stack;
}

TransformerSettings transformer_settings(const Options& options, bool causal) {
  return {.attention = attention_settings(options, causal),
          .count = options.integer("count"),
          .hidden = options.integer("hidden"),
          .activation = activation_named(options.text("activation")),
          .norm_first = options.text("norm") == "pre",
          .epsilon = options.real("epsilon"),
          .dropout = options.real("dropout")};
}

std::unique_ptr<Module> make_transformer(const ModuleContext& context, const Options& options,
                                         std::string_view layer,
                                         const TransformerSettings& settings) {
  need_sequences_or_tokens(context, layer);
  const InitialChoice initial{options.text("initial"), options.real("initial_scale")};
  return module_of([stack = stack_of(context, settings, initial)](
                       const ParameterStore& store, Variable x) { return stack.run(store, x); });
}

class CrossAttention final : public MemoryModule {
 public:
  explicit CrossAttention(CrossAttentionPart part) : part_(std::move(part)) {}
  [[nodiscard]] Variable forward(const ParameterStore& store, Variable x) const override {
    return part_(store, x, x, {});
  }
  [[nodiscard]] Variable forward(const ParameterStore& store, Variable x, Variable memory,
                                 Variable lengths) const override {
    return part_(store, x, memory, lengths);
  }

 private:
  CrossAttentionPart part_;
};

class Decoder final : public MemoryModule {
 public:
  explicit Decoder(Stack stack) : stack_(std::move(stack)) {}
  [[nodiscard]] Variable forward(const ParameterStore&, Variable) const override {
    throw InputError("a decoder with attention to a memory was given none",
                     "give a memory, or take the layer transformer_decoder");
  }
  [[nodiscard]] Variable forward(const ParameterStore& store, Variable x, Variable memory,
                                 Variable lengths) const override {
    return stack_.run(store, x, memory, lengths);
  }

 private:
  Stack stack_;
};

}  // namespace

std::unique_ptr<MemoryModule> make_cross_attention(const ModuleContext& context,
                                                   const AttentionSettings& settings,
                                                   std::int64_t memory_width) {
  need_sequences(context, "cross-attention");
  return std::make_unique<CrossAttention>(
      CrossAttentionPart::add(context, context.input.shape.back(), memory_width, settings, {}, {}));
}

std::unique_ptr<MemoryModule> make_transformer_decoder(const ModuleContext& context,
                                                       const TransformerSettings& settings,
                                                       std::int64_t memory_width) {
  need_sequences(context, "a decoder");
  TransformerSettings causal = settings;
  causal.attention.causal = true;
  return std::make_unique<Decoder>(stack_of(context, causal, {.how = "normal"}, memory_width));
}

const ModuleDef multi_head_attention_layer{
    .name = "multi_head_attention",
    .help = "each position of a sequence takes from others what fits it (Vaswani et al., 2017)",
    .options = attention_options,
    .make = make_attention};

const ModuleDef transformer_encoder_layer{
    .name = "transformer_encoder",
    .help = "blocks of self-attention and two linear layers, each added to what it is given",
    .options = encoder_options,
    .make = [](const ModuleContext& context, const Options& options) {
      return make_transformer(context, options, "transformer_encoder",
                              transformer_settings(options, options.boolean("causal")));
    }};

const ModuleDef transformer_decoder_layer{
    .name = "transformer_decoder",
    .help =
        "the same blocks with causal attention, as language models have them; programs may add "
        "attention to a memory",
    .options = decoder_options,
    .make = [](const ModuleContext& context, const Options& options) {
      return make_transformer(context, options, "transformer_decoder",
                              transformer_settings(options, true));
    }};

}  // namespace raven
