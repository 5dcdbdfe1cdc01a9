#include "nn/attention_part.hpp"

#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/ragged.hpp"
#include "raven/graph/ops/attention.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/norm.hpp"

namespace raven {
namespace {

constexpr std::string_view position_choices[] = {"none", "rotary"};

ModuleContext inside(const ModuleContext& context, std::string_view name) {
  ModuleContext inner = context;
  inner.path = context.path.empty() ? std::string(name) : context.path + "." + std::string(name);
  return inner;
}

}  // namespace

LinearPart LinearPart::add(const ModuleContext& context, std::string_view name, std::int64_t in,
                           std::int64_t out, bool with_bias, const InitialChoice& initial) {
  const ModuleContext inner = inside(context, name);
  Options options;
  options.set("initial", initial.how);
  options.set("initial_scale", initial.scale);
  LinearPart part{add_weight(inner, {out, in}, {.in = in, .out = out}, options, "none"), {}};
  if (with_bias) part.bias = add_constant(inner, "bias", {out}, 0.0F);
  return part;
}

Variable LinearPart::operator()(const ParameterStore& store, Variable x,
                                const kernels::Activation& activation) const {
  Tape& tape = x.tape();
  return linear(x, tape.parameter(store, weight), bias ? tape.parameter(store, *bias) : Variable(),
                activation);
}

NormPart NormPart::add(const ModuleContext& context, std::string_view name, std::int64_t width,
                       double epsilon) {
  const ModuleContext inner = inside(context, name);
  const ParameterId gamma = add_constant(inner, "weight", {width}, 1.0F);
  return {gamma, add_constant(inner, "bias", {width}, 0.0F), epsilon};
}

Variable NormPart::operator()(const ParameterStore& store, Variable x) const {
  Tape& tape = x.tape();
  return layer_norm(x, tape.parameter(store, gamma), tape.parameter(store, beta), epsilon);
}

namespace {

void check_heads(std::int64_t width, const AttentionSettings& settings) {
  if (width % settings.heads != 0) {
    throw InputError("heads is " + std::to_string(settings.heads) +
                         ", which doesn't divide the width of " + std::to_string(width),
                     "take a number of heads that divides it");
  }
  if (settings.rotary && width / settings.heads % 2 != 0) {
    throw InputError("rotary positions turn numbers in pairs, but a head has " +
                         std::to_string(width / settings.heads),
                     "take a width and heads that make an even number");
  }
}

}  // namespace

AttentionPart AttentionPart::add(const ModuleContext& context, std::int64_t width,
                                 const AttentionSettings& settings, const InitialChoice& initial,
                                 const InitialChoice& back) {
  check_heads(width, settings);
  const bool ragged = context.ragged == Ragged::sequences;
  if (settings.rotary && ragged) {
    throw InputError("rotary positions are for samples of one length, and these are ragged",
                     "leave `positions` out");
  }
  const LinearPart in = LinearPart::add(context, "in", width, 3 * width, settings.bias, initial);
  return {in, LinearPart::add(context, "out", width, width, settings.bias, back), settings, ragged};
}

Variable AttentionPart::operator()(const ParameterStore& store, Variable x) const {
  const std::int64_t width = x.shape().back();
  const AttentionOptions options{.heads = settings.heads, .causal = settings.causal};
  Variable packed = in(store, x);
  if (ragged) {
    return out(store, ragged_attention(packed, lengths_of(x.tape()), options));
  }
  if (settings.rotary) packed = rotate_positions(packed, 2 * width, width / settings.heads);
  return out(store, self_attention(packed, {}, options));
}

CrossAttentionPart CrossAttentionPart::add(const ModuleContext& context, std::int64_t width,
                                           std::int64_t memory_width,
                                           const AttentionSettings& settings,
                                           const InitialChoice& initial,
                                           const InitialChoice& back) {
  check_heads(width, settings);
  const bool bias = settings.bias;
  const LinearPart query = LinearPart::add(context, "query", width, width, bias, initial);
  const LinearPart key = LinearPart::add(context, "key", memory_width, width, bias, initial);
  const LinearPart value = LinearPart::add(context, "value", memory_width, width, bias, initial);
  return {query, key, value, LinearPart::add(context, "out", width, width, bias, back), settings};
}

Variable CrossAttentionPart::operator()(const ParameterStore& store, Variable x, Variable memory,
                                        Variable lengths) const {
  const std::int64_t width = x.shape().back();
  Variable queries = query(store, x);
  Variable keys = key(store, memory);
  if (settings.rotary) {
    queries = rotate_positions(queries, width, width / settings.heads);
    keys = rotate_positions(keys, width, width / settings.heads);
  }
  return out(store, attention(queries, keys, value(store, memory), lengths,
                              {.heads = settings.heads, .causal = settings.causal}));
}

OptionDef heads_option() {
  return {.name = "heads",
          .kind = OptionKind::integer,
          .required = true,
          .min = 1,
          .help = "attentions side by side, each on its share of the width"};
}

OptionDef causal_option() {
  return {.name = "causal",
          .kind = OptionKind::boolean,
          .fallback = false,
          .help = "a position sees itself and those before it, never what comes"};
}

OptionDef attention_positions_option() {
  return {.name = "positions",
          .kind = OptionKind::text,
          .fallback = std::string("none"),
          .choices = position_choices,
          .help = "rotary: queries and keys turn with their position (Su et al., 2021)"};
}

OptionDef attention_bias_option() {
  return {.name = "bias",
          .kind = OptionKind::boolean,
          .fallback = true,
          .help = "add trained offsets in the projections"};
}

AttentionSettings attention_settings(const Options& options, bool causal) {
  return {.heads = options.integer("heads"),
          .causal = causal,
          .rotary = options.text("positions") == "rotary",
          .bias = options.boolean("bias")};
}

void need_sequences(const ModuleContext& context, std::string_view layer) {
  need_numbers(context, layer);
  if (context.ragged == Ragged::no && context.input.shape.rank() == 3) return;
  throw InputError(std::string(layer) + " needs sequences [length, width], but its input is " +
                       sample_shape(context.input) + " per sample",
                   "put an embedding layer in front, or reshape");
}

void need_sequences_or_tokens(const ModuleContext& context, std::string_view layer) {
  if (context.ragged == Ragged::sequences) return need_tokens(context, layer);
  need_sequences(context, layer);
}

}  // namespace raven
