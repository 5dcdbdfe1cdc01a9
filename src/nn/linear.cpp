#include "raven/graph/ops/linear.hpp"

#include <optional>

#include "nn/activation_option.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

const OptionDef linear_options[] = {
    {.name = "features",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "numbers per sample that come out"},
    {.name = "bias", .kind = OptionKind::boolean, .fallback = true, .help = "add a trained offset"},
    activation_option(),
    initial_option("auto"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_linear(const ModuleContext& context, const Options& options) {
  need_numbers(context, "linear");
  const Shape& in_shape = context.input.shape;
  // Sequences [length, width] go through position by position; images hardly ever should.
  if (in_shape.rank() < 2) {
    throw InputError("linear needs samples with a dimension, but each is a single number",
                     "put a flatten layer in front");
  }
  if (in_shape.rank() > 3) {
    throw InputError("linear needs vectors [features] or sequences of them, but its input is " +
                         sample_shape(context.input) + " per sample",
                     "put a flatten layer in front");
  }
  const std::int64_t in = in_shape.back();
  const std::int64_t out = options.integer("features");
  const std::string& activation = options.text("activation");
  const ParameterId weight =
      add_weight(context, {out, in}, {.in = in, .out = out}, options, activation);
  std::optional<ParameterId> bias;
  if (options.boolean("bias")) bias = add_constant(context, "bias", {out}, 0.0F);
  return module_of([weight, bias, activation = activation_named(activation)](
                       const ParameterStore& store, Variable x) {
    Tape& tape = x.tape();
    return linear(x, tape.parameter(store, weight),
                  bias ? tape.parameter(store, *bias) : Variable(), activation);
  });
}

}  // namespace

const ModuleDef linear_layer{.name = "linear",
                             .help = "fully connected: activation(x W^T + b)",
                             .options = linear_options,
                             .make = make_linear};

}  // namespace raven
