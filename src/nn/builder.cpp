#include "raven/nn/builder.hpp"

#include "nn/initial.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/linear.hpp"

namespace raven {
namespace {

ModuleContext inside(const ModuleContext& context, std::string_view name) {
  ModuleContext inner = context;
  inner.path = context.path.empty() ? std::string(name) : context.path + "." + std::string(name);
  return inner;
}

Options initial_options(std::string_view how, double scale = 0) {
  Options options;
  options.set("initial", std::string(how));
  options.set("initial_scale", scale);
  return options;
}

std::string_view kind_of(const kernels::Activation& activation) {
  switch (activation.kind) {
    case kernels::ActivationKind::identity:
      return "none";
    case kernels::ActivationKind::sigmoid:
      return "sigmoid";
    case kernels::ActivationKind::tanh:
      return "tanh";
    case kernels::ActivationKind::selu:
      return "selu";
    default:
      return "relu";
  }
}

}  // namespace

ParameterId Builder::parameter(std::string_view name, const Shape& shape,
                               std::string_view initial) {
  const std::int64_t out = shape.rank() > 0 ? shape[0] : 1;
  return add_weight(inside(context_, name), shape, {.in = shape.count() / out, .out = out},
                    initial_options(initial), "none");
}

std::shared_ptr<const Module> Builder::layer(
    std::string_view name, std::string_view type, const ValueType& input,
    const std::vector<std::pair<std::string_view, OptionValue>>& options) {
  const ModuleDef* def = find_module(type);
  if (def == nullptr) {
    throw InputError("there is no layer '" + std::string(type) + "'",
                     "'raven explain layers' lists them");
  }
  Options chosen = defaults(def->options);
  for (const auto& [key, value] : options) chosen.set(key, value);
  ModuleContext context = inside(context_, name);
  context.input = input;
  return def->make(context, chosen);
}

Linear::Linear(Builder& build, std::string_view name, std::int64_t in, std::int64_t out,
               const kernels::Activation& activation)
    : weight_(build.weight(name, {out, in}, {"auto", kind_of(activation)})),
      bias_(build.bias(name, out)),
      activation_(activation) {}

Variable Linear::operator()(Variable x) const {
  Tape& tape = x.tape();
  return linear(x, tape.parameter(weight_), tape.parameter(bias_), activation_);
}

Embedding::Embedding(Builder& build, std::string_view name, std::int64_t count, std::int64_t width)
    : table_(build.weight(name, {count, width}, {"normal", "none"}, 1.0)) {}

Variable Embedding::operator()(Variable tokens) const {
  return embedding(tokens, tokens.tape().parameter(table_));
}

ParameterId Builder::weight(std::string_view name, const Shape& shape, Initial initial,
                            double scale) {
  // A table is a linear layer on one-hot vectors: one entry makes a row.
  const bool table = scale > 0;
  return add_weight(inside(context_, name), shape,
                    {.in = table ? 1 : shape.row_count(), .out = table ? shape.back() : shape[0]},
                    initial_options(initial.how, scale), initial.in_front_of);
}

ParameterId Builder::bias(std::string_view name, std::int64_t size) {
  return add_constant(inside(context_, name), "bias", {size}, 0.0F);
}

}  // namespace raven
