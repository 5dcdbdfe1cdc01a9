#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "raven/core/option.hpp"
#include "raven/tensor/kernels/update.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// One update of one tensor. `after` may be `before` (in place) or another buffer, with the same
/// bits.
struct UpdateCall {
  std::int64_t step = 1;  ///< counts from 1
  double rate = 0;        ///< learning rate of this step, from the schedule
  /// Every gradient element is multiplied by this first (1 / batch weight, norm clipping).
  float gradient_scale = 1;
  /// Then each element is limited to [-clip_value, clip_value].
  float clip_value = std::numeric_limits<float>::infinity();
  /// Weight decay applies to this tensor: to weights, not to biases nor to the gains and offsets of
  /// norms.
  bool decays = true;
  std::span<const float> before;
  std::span<float> after;
  std::span<const float> gradient;
  /// To be added to `gradient`, element by element, first of all. Empty: nothing.
  std::span<const float> gradient_also = {};
  /// Not empty: `gradient` holds these rows only, of a table as wide as gradient.size() /
  /// rows.size(); those of `before` and `after` are updated, all others left alone.
  std::span<const std::uint32_t> rows = {};
  /// As kernels::GradientUse::done; empty: gradients are not looked at.
  std::span<std::uint8_t> done = {};
  std::span<float> state[2];  ///< as many as state_count() says, zeros before step 1
};

/// A way of training: a row in a table. Pure and element-wise: a tensor may be updated as soon as
/// its gradient is in, in any order of tensors and on any number of threads.
struct OptimizerDef {
  std::string_view name;
  std::string_view help;
  /// `rate` is among them for every optimizer.
  std::span<const OptionDef> options;
  /// Tensors of state kept per parameter, 0 to 2.
  int (*state_count)(const Options& options);
  kernels::UpdateFindings (*update)(const Options& options, const UpdateCall& call);
  /// Whether an element whose gradient is zero stays as it is, so that rows of zeros need no
  /// update: then UpdateCall::rows is understood. Null: never.
  bool (*leaves_zeros)(const Options& options, bool decays) = nullptr;
};

[[nodiscard]] std::span<const OptimizerDef* const> optimizer_table();
[[nodiscard]] const OptimizerDef* find_optimizer(std::string_view name);

/// A learning-rate schedule: a row in a table. Every one has `warmup` (steps of linear rise from 0)
/// among its options.
struct ScheduleDef {
  std::string_view name;
  std::string_view help;
  std::span<const OptionDef> options;
  /// Factor on the base rate at `step` (from 1) of `steps`, both counted after warm-up.
  double (*factor)(const Options& options, std::int64_t step, std::int64_t steps);
};

[[nodiscard]] std::span<const ScheduleDef* const> schedule_table();
[[nodiscard]] const ScheduleDef* find_schedule(std::string_view name);
/// The learning rate of `step` (from 1) of `steps` in all. During warm-up it is base_rate * step /
/// warmup; the schedule begins after that and shares out the steps that are left, so that the two
/// never bend each other.
[[nodiscard]] double rate_at(const ScheduleDef& schedule, const Options& options, double base_rate,
                             std::int64_t step, std::int64_t steps);

/// Gradient clipping; 0 means off.
struct Clip {
  double norm = 0;   ///< largest global L2 norm
  double value = 0;  ///< largest absolute value of an element
};

}  // namespace raven
