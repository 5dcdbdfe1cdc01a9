#include "raven/graph/ops/norm.hpp"

#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

const OptionDef epsilon_option{.name = "epsilon",
                               .kind = OptionKind::real,
                               .fallback = 1.0e-5,
                               .min = 1.0e-12,
                               .help = "added to the variance, against division by zero"};

const OptionDef batch_norm_options[] = {
    {.name = "momentum",
     .kind = OptionKind::real,
     .fallback = 0.1,
     .min = 0,
     .max = 1,
     .help = "share of the running mean and variance that each step replaces"},
    epsilon_option,
};

const OptionDef layer_norm_options[] = {epsilon_option};

void need_features(const ModuleContext& context, std::string_view layer) {
  need_numbers(context, layer);
  if (context.input.shape.rank() >= 2) return;
  throw InputError(std::string(layer) + " needs samples with a dimension, but each is one number",
                   "put a flatten layer in front");
}

std::unique_ptr<Module> make_batch_norm(const ModuleContext& context, const Options& options) {
  need_features(context, "batch_norm");
  const Shape channels{context.input.shape.back()};
  const ParameterId gamma = add_constant(context, "weight", channels, 1.0F);
  const ParameterId beta = add_constant(context, "bias", channels, 0.0F);
  const ParameterId mean = add_constant(context, "running_mean", channels, 0.0F, false);
  const ParameterId variance = add_constant(context, "running_var", channels, 1.0F, false);
  const double momentum = options.real("momentum");
  const double epsilon = options.real("epsilon");
  return module_of([=](const ParameterStore& store, Variable x) {
    Tape& tape = x.tape();
    const Variable gain = tape.parameter(store, gamma);
    const Variable offset = tape.parameter(store, beta);
    if (!tape.training()) {
      return batch_norm_inference(x, gain, offset, tape.parameter(store, mean),
                                  tape.parameter(store, variance), epsilon);
    }
    const BatchNormed normed = batch_norm(x, gain, offset, epsilon);
    tape.add_statistic(mean, normed.mean, momentum);
    tape.add_statistic(variance, normed.variance, momentum);
    return normed.y;
  });
}

std::unique_ptr<Module> make_layer_norm(const ModuleContext& context, const Options& options) {
  need_features(context, "layer_norm");
  const Shape width{context.input.shape.back()};
  const ParameterId gamma = add_constant(context, "weight", width, 1.0F);
  const ParameterId beta = add_constant(context, "bias", width, 0.0F);
  return module_of(
      [gamma, beta, epsilon = options.real("epsilon")](const ParameterStore& store, Variable x) {
        Tape& tape = x.tape();
        return layer_norm(x, tape.parameter(store, gamma), tape.parameter(store, beta), epsilon);
      });
}

}  // namespace

const ModuleDef batch_norm_layer{.name = "batch_norm",
                                 .help =
                                     "each channel at mean 0 and variance 1 over a snippet's "
                                     "rows and pixels; running values in evaluation",
                                 .options = batch_norm_options,
                                 .make = make_batch_norm};

const ModuleDef layer_norm_layer{.name = "layer_norm",
                                 .help = "mean 0 and variance 1 along the last dimension",
                                 .options = layer_norm_options,
                                 .make = make_layer_norm};

}  // namespace raven
