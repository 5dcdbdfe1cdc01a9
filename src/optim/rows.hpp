#pragma once

#include <cstdint>

#include "raven/optim/optimizer.hpp"
#include "raven/tensor/kernels/update.hpp"

namespace raven {

extern const OptimizerDef sgd_def;
extern const OptimizerDef adam_def;
extern const OptimizerDef adamw_def;
extern const OptimizerDef rmsprop_def;
extern const OptimizerDef adagrad_def;

extern const ScheduleDef constant_def;
extern const ScheduleDef step_def;
extern const ScheduleDef cosine_def;
extern const ScheduleDef linear_def;

/// Coefficients that decay a running average must stay below 1, or it would never move.
constexpr double below_one = 1.0 - 0x1.0p-20;

// What every update() takes from its call.

[[nodiscard]] inline std::int64_t count_of(const UpdateCall& call) {
  expects(call.after.size() == call.before.size() && call.gradient.size() == call.before.size(),
          "weights and gradient of an update have the same size");
  expects(call.gradient_also.empty() || call.gradient_also.size() == call.before.size(),
          "a second gradient is as long as the first");
  return static_cast<std::int64_t>(call.before.size());
}
[[nodiscard]] inline kernels::GradientUse use_of(const UpdateCall& call) {
  return {.also = call.gradient_also.empty() ? nullptr : call.gradient_also.data(),
          .scale = call.gradient_scale,
          .clip_value = call.clip_value,
          .done = call.done.empty() ? nullptr : call.done.data()};
}
[[nodiscard]] inline float decay_of(const Options& options, const UpdateCall& call) {
  return call.decays ? static_cast<float>(options.real("weight_decay")) : 0.0F;
}
/// @pre the tensor of state is as long as the weights
[[nodiscard]] inline float* state_of(const UpdateCall& call, int index) {
  expects(call.state[index].size() == call.before.size(),
          "an optimizer is given as many tensors of state as it says it keeps");
  return call.state[index].data();
}

}  // namespace raven
