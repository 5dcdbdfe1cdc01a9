#include "optim/rows.hpp"

namespace raven {
namespace {

const OptionDef rmsprop_options[] = {
    {.name = "rate",
     .kind = OptionKind::real,
     .fallback = 0.01,
     .min = 0,
     .help = "learning rate before schedule and warm-up"},
    {.name = "alpha",
     .kind = OptionKind::real,
     .fallback = 0.99,
     .min = 0,
     .max = below_one,
     .help = "decay of the running mean of squared gradients"},
    {.name = "epsilon",
     .kind = OptionKind::real,
     .fallback = 1.0e-8,
     .min = 0,
     .help = "added to the root of the mean square, against division by zero"},
    {.name = "momentum",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .max = below_one,
     .help = "how much of the last update's velocity is kept"},
    {.name = "weight_decay",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "added to the gradient times the weight; not for biases and norms"},
};

int rmsprop_state_count(const Options& options) { return options.real("momentum") > 0 ? 2 : 1; }

kernels::UpdateFindings rmsprop_update(const Options& options, const UpdateCall& call) {
  float* velocity = rmsprop_state_count(options) > 1 ? state_of(call, 1) : nullptr;
  return kernels::rmsprop_update(count_of(call), call.before.data(), call.after.data(),
                                 call.gradient.data(), state_of(call, 0), velocity,
                                 {.rate = static_cast<float>(call.rate),
                                  .alpha = static_cast<float>(options.real("alpha")),
                                  .epsilon = static_cast<float>(options.real("epsilon")),
                                  .weight_decay = decay_of(options, call),
                                  .momentum = static_cast<float>(options.real("momentum"))},
                                 use_of(call));
}

}  // namespace

const OptimizerDef rmsprop_def{
    .name = "rmsprop",
    .help = "steps scaled by the running root mean square of the gradient (Hinton, 2012)",
    .options = rmsprop_options,
    .state_count = rmsprop_state_count,
    .update = rmsprop_update};

}  // namespace raven
