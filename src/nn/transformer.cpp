#include <cmath>

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

const OptionDef transformer_options[] = {
    {.name = "count",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{1},
     .min = 1,
     .max = 1000,
     .help = "blocks one after the other"},
    heads_option(),
    {.name = "hidden",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{0},
     .min = 0,
     .help = "numbers between the two linear layers of a block; 0: four times the width"},
    gelu_option(),
    {.name = "norm",
     .kind = OptionKind::text,
     .fallback = std::string("pre"),
     .choices = norm_choices,
     .help = "layer norm in front of attention and linear layers, or after each sum"},
    {.name = "epsilon",
     .kind = OptionKind::real,
     .fallback = 1.0e-5,
     .min = 1.0e-12,
     .help = "added to the variance, against division by zero"},
    {.name = "dropout",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .max = 0.999,
     .help = "share of what attention and linear layers add that becomes 0 in training"},
    causal_option(),
    attention_positions_option(),
    attention_bias_option(),
    initial_option("normal"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_attention(const ModuleContext& context, const Options& options) {
  need_sequences(context, "multi_head_attention");
  const InitialChoice initial{options.text("initial"), options.real("initial_scale")};
  return module_of(AttentionPart::add(context, context.input.shape.back(),
                                      attention_settings(options), initial, initial));
}

struct Block {
  NormPart first_norm;
  AttentionPart attention;
  NormPart second_norm;
  LinearPart up;
  LinearPart down;
};

/// What is added to the stream of a block starts smaller the more blocks there are, so that their
/// sum does not grow with depth (Radford et al., 2019).
InitialChoice smaller(const InitialChoice& initial, std::int64_t blocks) {
  const double factor = 1.0 / std::sqrt(2.0 * static_cast<double>(blocks));
  const double usual = initial.how == "normal" ? 0.02 : initial.how == "uniform" ? 0.05 : 1.0;
  return {initial.how, (initial.scale > 0 ? initial.scale : usual) * factor};
}

Block add_block(ModuleContext context, std::int64_t number, const Options& options) {
  const std::int64_t width = context.input.shape.back();
  const std::int64_t hidden = options.integer("hidden") > 0 ? options.integer("hidden") : 4 * width;
  const std::string prefix = context.path.empty() ? "" : context.path + ".";
  const std::string path = prefix + std::to_string(number);
  const InitialChoice initial{options.text("initial"), options.real("initial_scale")};
  const InitialChoice back = smaller(initial, options.integer("count"));
  const bool bias = options.boolean("bias");
  const double epsilon = options.real("epsilon");
  context.path = path;
  const NormPart first = NormPart::add(context, "norm1", width, epsilon);
  context.path = path + ".attention";
  AttentionPart attention =
      AttentionPart::add(context, width, attention_settings(options), initial, back);
  context.path = path;
  const NormPart second = NormPart::add(context, "norm2", width, epsilon);
  const LinearPart up = LinearPart::add(context, "up", width, hidden, bias, initial);
  return {first, attention, second, up,
          LinearPart::add(context, "down", hidden, width, bias, back)};
}

std::unique_ptr<Module> make_transformer(const ModuleContext& context, const Options& options) {
  need_sequences(context, "transformer_encoder");
  std::vector<Block> blocks;
  for (std::int64_t i = 0; i < options.integer("count"); ++i) {
    blocks.push_back(add_block(context, i, options));
  }
  const bool before = options.text("norm") == "pre";
  return module_of([blocks = std::move(blocks), before, drop = options.real("dropout"),
                    activation = activation_named(options.text("activation"))](
                       const ParameterStore& store, Variable x) {
    for (const Block& block : blocks) {
      const auto mix = [&](Variable v) { return dropout(block.attention(store, v), drop); };
      const auto think = [&](Variable v) {
        return dropout(block.down(store, block.up(store, v, activation)), drop);
      };
      if (before) {
        x = add(x, mix(block.first_norm(store, x)));
        x = add(x, think(block.second_norm(store, x)));
      } else {
        x = block.first_norm(store, add(x, mix(x)));
        x = block.second_norm(store, add(x, think(x)));
      }
    }
    return x;
  });
}

}  // namespace

const ModuleDef multi_head_attention_layer{
    .name = "multi_head_attention",
    .help = "each position of a sequence takes from others what fits it (Vaswani et al., 2017)",
    .options = attention_options,
    .make = make_attention};

const ModuleDef transformer_encoder_layer{
    .name = "transformer_encoder",
    .help = "blocks of self-attention and two linear layers, each added to what it is given",
    .options = transformer_options,
    .make = make_transformer};

}  // namespace raven
