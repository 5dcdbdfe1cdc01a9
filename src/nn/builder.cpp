#include "raven/nn/builder.hpp"

#include "nn/chosen_options.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
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

Layer Builder::layer(std::string_view name, std::string_view type, const LayerInput& input,
                     const std::vector<std::pair<std::string_view, OptionValue>>& options) {
  const std::string what = std::string(name) + ", a layer '" + std::string(type) + "'";
  const ModuleDef* def = find_module(type);
  if (def == nullptr) {
    throw InputError("there is no layer '" + std::string(type) + "'",
                     "'raven explain layers' lists them");
  }
  if (def->has_block) {
    throw InputError(what + ": it has layers inside, which a program writes in C++",
                     "call its layers and ops one after the other; 'residual' is add(x, y)");
  }
  ModuleContext context = inside(context_, name);
  context.input = input.type;
  context.ragged = input.rows.value_or(context_.ragged);
  // Each sample is recorded on its own: no window follows another.
  context.carried = nullptr;
  try {
    const Options chosen = chosen_options(def->options, options);
    std::shared_ptr<const Module> module = def->make(context, chosen);
    ValueType output = output_type(*module, context);
    const Ragged rows = def->gives == nullptr ? context.ragged : def->gives(context.ragged, chosen);
    return {context.path, std::move(module), std::move(output), rows};
  } catch (const InputError& error) {
    throw InputError(error.place(), what + ": " + error.problem(), error.remedy());
  }
}

LayerInput::LayerInput(const Layer& below) : type(below.output()), rows(below.rows()) {}

Variable Layer::operator()(Variable x) const {
  const ParameterStore* store = x.tape().store();
  if (store == nullptr) {
    throw InputError(name_ + " is used on a tape without parameters",
                     "call it on variables of the sample that the model is given");
  }
  try {
    return module_->forward(*store, x);
  } catch (const InputError& error) {
    throw InputError(error.place(), name_ + ": " + error.problem(), error.remedy());
  }
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
