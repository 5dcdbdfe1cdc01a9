#pragma once

#include <cstdint>
#include <limits>

namespace raven::kernels {

// One pass over memory each: read old weights, gradient and state, write new weights and state.
// `w_new` may be `w_old`, or a fresh buffer while snippets still read the old one. Semantics and
// defaults are torch.optim's.

/// Elements that an update changes as a whole or not at all.
constexpr std::int64_t update_block = 4096;

/// What an update found on its way through memory.
struct UpdateFindings {
  bool gradient_finite = true;  ///< else some blocks were left as they were; see GradientUse::done
  bool finite = true;           ///< all that was written, weights and state
};

/// How the summed gradient g becomes the gradient of the update: clip((g + also) * scale).
struct GradientUse {
  /// A second sum to be added to the first, which saves a pass over memory; null: none.
  const float* also = nullptr;
  float scale = 1.0F;  ///< 1 / total weight of the batch, times the factor of norm clipping
  float clip_value =
      std::numeric_limits<float>::infinity();  ///< bound on each element after scaling
  /// One for each block, zeros at first; null: gradients are not looked at. A block whose gradient
  /// has an element that is infinite or no number is left as it was, every other one is marked
  /// with 1. Marked blocks are left alone: the same update can be gone on with later.
  std::uint8_t* done = nullptr;
};

struct SgdParams {
  float rate = 0.01F;
  float momentum = 0.0F;
  float weight_decay = 0.0F;
  bool nesterov = false;
};
/// @param velocity [count], zero before the first step; may be null without momentum
UpdateFindings sgd_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                          float* velocity, const SgdParams& params, const GradientUse& use);

struct AdamParams {
  float rate = 1.0e-3F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1.0e-8F;
  float weight_decay = 0.0F;
  std::int64_t step = 1;  ///< counts from 1
};
/// @param m,v [count], zero before the first step
UpdateFindings adam_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                           float* m, float* v, const AdamParams& params, const GradientUse& use);
/// Adam with decoupled weight decay.
UpdateFindings adamw_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                            float* m, float* v, const AdamParams& params, const GradientUse& use);

struct RmspropParams {
  float rate = 0.01F;
  float alpha = 0.99F;
  float epsilon = 1.0e-8F;
  float weight_decay = 0.0F;
  float momentum = 0.0F;
};
/// @param velocity [count]; may be null without momentum
UpdateFindings rmsprop_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                              float* square_average, float* velocity, const RmspropParams& params,
                              const GradientUse& use);

struct AdagradParams {
  float rate = 0.01F;
  float rate_decay = 0.0F;
  float epsilon = 1.0e-10F;
  float weight_decay = 0.0F;
  std::int64_t step = 1;  ///< counts from 1
};
/// @param square_sum [count], zero (or the initial accumulator value) before the first step
UpdateFindings adagrad_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                              float* square_sum, const AdagradParams& params,
                              const GradientUse& use);

}  // namespace raven::kernels
