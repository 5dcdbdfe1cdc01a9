#include <algorithm>
#include <atomic>

#include "optim/rows.hpp"
#include "raven/tensor/parallel.hpp"

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

bool sgd_leaves_zeros(const Options& options, bool decays) {
  return options.real("momentum") <= 0 && (!decays || options.real("weight_decay") <= 0);
}

kernels::UpdateFindings sgd_update_rows(const Options& options, const UpdateCall& call) {
  expects(sgd_leaves_zeros(options, call.decays), "only what leaves zeros alone updates some rows");
  expects(call.gradient.size() % call.rows.size() == 0 && call.gradient_also.empty(),
          "rows of a gradient are of equal width and added up");
  const kernels::SgdParams params{.rate = static_cast<float>(call.rate)};
  const kernels::GradientUse use = use_of(call);
  const std::size_t width = call.gradient.size() / call.rows.size();
  const auto grain = std::max<std::int64_t>(1, 32768 / static_cast<std::int64_t>(width));
  std::atomic<bool> all_finite = true;
  parallel_ranges(
      static_cast<std::int64_t>(call.rows.size()), grain,
      [&](std::int64_t first, std::int64_t last) {
        for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
          const std::size_t at = call.rows[i] * width;
          if (!kernels::sgd_update(static_cast<std::int64_t>(width), &call.before[at],
                                   &call.after[at], &call.gradient[i * width], nullptr, params, use)
                   .finite) {
            all_finite.store(false, std::memory_order_relaxed);
          }
        }
      });
  return {.finite = all_finite.load(std::memory_order_relaxed)};
}

kernels::UpdateFindings sgd_update(const Options& options, const UpdateCall& call) {
  if (!call.rows.empty()) return sgd_update_rows(options, call);
  float* velocity = sgd_state_count(options) > 0 ? state_of(call, 0) : nullptr;
  return kernels::sgd_update(count_of(call), call.before.data(), call.after.data(),
                             call.gradient.data(), velocity,
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
                           .update = sgd_update,
                           .leaves_zeros = sgd_leaves_zeros};

}  // namespace raven
