#include "optim/rows.hpp"

namespace raven {
namespace {

const OptionDef adam_options[] = {
    {.name = "rate",
     .kind = OptionKind::real,
     .fallback = 1.0e-3,
     .min = 0,
     .help = "learning rate before schedule and warm-up"},
    {.name = "beta1",
     .kind = OptionKind::real,
     .fallback = 0.9,
     .min = 0,
     .max = below_one,
     .help = "decay of the running mean of gradients"},
    {.name = "beta2",
     .kind = OptionKind::real,
     .fallback = 0.999,
     .min = 0,
     .max = below_one,
     .help = "decay of the running mean of squared gradients"},
    {.name = "epsilon",
     .kind = OptionKind::real,
     .fallback = 1.0e-8,
     .min = 0,
     .help = "added to the root of the mean square, against division by zero"},
    {.name = "weight_decay",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "added to the gradient times the weight; not for biases and norms"},
};

// Only weight decay differs: adamw's does not pass through the running means.
const OptionDef adamw_options[] = {
    adam_options[0],
    adam_options[1],
    adam_options[2],
    adam_options[3],
    {.name = "weight_decay",
     .kind = OptionKind::real,
     .fallback = 0.01,
     .min = 0,
     .help = "share of each weight taken off per step, times the rate; not for biases and norms"},
};

kernels::AdamParams params_of(const Options& options, const UpdateCall& call) {
  return {.rate = static_cast<float>(call.rate),
          .beta1 = static_cast<float>(options.real("beta1")),
          .beta2 = static_cast<float>(options.real("beta2")),
          .epsilon = static_cast<float>(options.real("epsilon")),
          .weight_decay = decay_of(options, call),
          .step = call.step};
}

int two(const Options&) { return 2; }

kernels::UpdateFindings adam_update(const Options& options, const UpdateCall& call) {
  return kernels::adam_update(count_of(call), call.before.data(), call.after.data(),
                              call.gradient.data(), state_of(call, 0), state_of(call, 1),
                              params_of(options, call), use_of(call));
}

kernels::UpdateFindings adamw_update(const Options& options, const UpdateCall& call) {
  return kernels::adamw_update(count_of(call), call.before.data(), call.after.data(),
                               call.gradient.data(), state_of(call, 0), state_of(call, 1),
                               params_of(options, call), use_of(call));
}

}  // namespace

const OptimizerDef adam_def{.name = "adam",
                            .help =
                                "steps scaled by running moments of the gradient (Kingma and "
                                "Ba, 2015)",
                            .options = adam_options,
                            .state_count = two,
                            .update = adam_update};

const OptimizerDef adamw_def{.name = "adamw",
                             .help =
                                 "adam with decoupled weight decay (Loshchilov and Hutter, "
                                 "2019)",
                             .options = adamw_options,
                             .state_count = two,
                             .update = adamw_update};

}  // namespace raven
