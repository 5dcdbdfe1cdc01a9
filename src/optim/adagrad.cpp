#include <algorithm>

#include "optim/rows.hpp"

namespace raven {
namespace {

const OptionDef adagrad_options[] = {
    {.name = "rate",
     .kind = OptionKind::real,
     .fallback = 0.01,
     .min = 0,
     .help = "learning rate before schedule and warm-up"},
    {.name = "rate_decay",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "step t divides the rate by 1 + (t - 1) times this"},
    {.name = "initial",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "what the sum of squared gradients starts from"},
    {.name = "epsilon",
     .kind = OptionKind::real,
     .fallback = 1.0e-10,
     .min = 0,
     .help = "added to the root of the sum, against division by zero"},
    {.name = "weight_decay",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "added to the gradient times the weight; not for biases and norms"},
};

int one(const Options&) { return 1; }

kernels::UpdateFindings adagrad_update(const Options& options, const UpdateCall& call) {
  float* square_sum = state_of(call, 0);
  // State is zeros before the first step, whoever made it; only here is another start known.
  const bool goes_on = std::ranges::find(call.done, 1) != call.done.end();
  if (call.step == 1 && !goes_on) {
    std::fill_n(square_sum, call.before.size(), static_cast<float>(options.real("initial")));
  }
  return kernels::adagrad_update(count_of(call), call.before.data(), call.after.data(),
                                 call.gradient.data(), square_sum,
                                 {.rate = static_cast<float>(call.rate),
                                  .rate_decay = static_cast<float>(options.real("rate_decay")),
                                  .epsilon = static_cast<float>(options.real("epsilon")),
                                  .weight_decay = decay_of(options, call),
                                  .step = call.step},
                                 use_of(call));
}

}  // namespace

const OptimizerDef adagrad_def{
    .name = "adagrad",
    .help = "steps scaled by the root of all squared gradients so far (Duchi et al., 2011)",
    .options = adagrad_options,
    .state_count = one,
    .update = adagrad_update};

}  // namespace raven
