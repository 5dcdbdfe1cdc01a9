#include "optim/rows.hpp"

namespace raven {
namespace {

const OptionDef sgd_options[] = {
    {.name = "rate",
     .kind = OptionKind::real,
     .fallback = 0.01,
     .min = 0,
     .help = "learning rate before schedule and warm-up"},
    {.name = "momentum",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .max = below_one,
     .help = "how much of the last update's velocity is kept; 0 keeps no state"},
    {.name = "nesterov",
     .kind = OptionKind::boolean,
     .fallback = false,
     .help = "look ahead along the velocity (Nesterov's momentum)"},
    {.name = "weight_decay",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "added to the gradient times the weight; not for biases and norms"},
};

int sgd_state_count(const Options& options) { return options.real("momentum") > 0 ? 1 : 0; }

void sgd_update(const Options& options, const UpdateCall& call) {
  float* velocity = sgd_state_count(options) > 0 ? state_of(call, 0) : nullptr;
  kernels::sgd_update(count_of(call), call.before.data(), call.after.data(), call.gradient.data(),
                      velocity,
                      {.rate = static_cast<float>(call.rate),
                       .momentum = static_cast<float>(options.real("momentum")),
                       .weight_decay = decay_of(options, call),
                       // Without momentum there is no velocity to look along.
                       .nesterov = options.boolean("nesterov") && velocity != nullptr},
                      use_of(call));
}

}  // namespace

const OptimizerDef sgd_def{.name = "sgd",
                           .help = "stochastic gradient descent, with momentum if wanted",
                           .options = sgd_options,
                           .state_count = sgd_state_count,
                           .update = sgd_update};

}  // namespace raven
