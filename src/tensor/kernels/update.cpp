#include "raven/tensor/kernels/update.hpp"

#include <hwy/cache_control.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#ifndef RAVEN_TENSOR_ADAM_FACTORS
#define RAVEN_TENSOR_ADAM_FACTORS
namespace raven {

/// What an update of a block reads beside the gradient; null: nothing more.
struct BlockReads {
  const float* streams[3];
  [[nodiscard]] BlockReads from(std::int64_t first) const {
    BlockReads moved = *this;
    for (const float*& stream : moved.streams) {
      if (stream != nullptr) stream += first;
    }
    return moved;
  }
};

/// What Adam needs besides the moments, made once per update in double.
struct AdamFactors {
  float step_size;        // rate / (1 - beta1^step)
  float root_correction;  // sqrt(1 - beta2^step)
  float shrink;           // of the weights, for decoupled decay: 1 - rate * decay
  float decay;            // coupled decay
};

}  // namespace raven
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/update.cpp"
#include "hwy/foreach_target.h"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using namespace kernels;  // NOLINT(google-build-using-namespace): the parameter structs

/// clip((g + also) scale) + decay w
struct GradientTerm {
  const float* g;
  const float* also;
  V scale;
  V limit;
  V decay;
  GradientTerm(const float* gradient, const GradientUse& use, float weight_decay)
      : g(gradient),
        also(use.also),
        scale(splat(use.scale)),
        limit(splat(use.clip_value)),
        decay(splat(weight_decay)) {}

  HWY_INLINE V operator()(auto io, std::size_t i, V w) const {
    const V sum = also == nullptr ? io.load(g + i) : Add(io.load(g + i), io.load(also + i));
    const V scaled = Mul(sum, scale);
    const V clipped = keep_nan(scaled, Max(Min(scaled, limit), Neg(limit)));
    return MulAdd(decay, w, clipped);
  }
};

/// Whether everything that it saw was finite: x - x is 0 of a number and NaN of anything else.
struct FiniteSoFar {
  V rest;
  FiniteSoFar() : rest(zero()) {}
  HWY_INLINE void see(auto io, V x) { rest = Or(rest, io.only(Sub(x, x))); }
  [[nodiscard]] HWY_INLINE bool holds() const { return AllTrue(Floats(), Eq(rest, zero())); }
};

/// @param soon what is read next beside the gradient: asked of memory meanwhile, as one stream
/// alone does not keep it busy
bool FiniteBlock(std::size_t count, const float* g, const float* also, const BlockReads& soon) {
  FiniteSoFar finite;
  for_vectors(count, [=, &finite](auto io, std::size_t i) HWY_ATTR {
    finite.see(io, io.load(g + i));
    if (also != nullptr) finite.see(io, io.load(also + i));
    for (const float* stream : soon.streams) {
      if (stream != nullptr) hwy::Prefetch(stream + i);
    }
  });
  return finite.holds();
}

bool SgdRange(std::size_t count, const float* w_old, float* w_new, const float* g, float* velocity,
              const SgdParams& params, const GradientUse& use) {
  const GradientTerm gradient(g, use, params.weight_decay);
  const V rate = splat(params.rate);
  const V momentum = splat(params.momentum);
  FiniteSoFar finite;
  if (params.momentum == 0.0F) {
    for_vectors(count, [=, &finite](auto io, std::size_t i) HWY_ATTR {
      const V w = io.load(w_old + i);
      const V after = NegMulAdd(rate, gradient(io, i, w), w);
      finite.see(io, after);
      io.store(after, w_new + i);
    });
    return finite.holds();
  }
  for_vectors(count, [=, &finite, nesterov = params.nesterov](auto io, std::size_t i) HWY_ATTR {
    const V w = io.load(w_old + i);
    const V d = gradient(io, i, w);
    const V v = MulAdd(momentum, io.load(velocity + i), d);
    const V after = NegMulAdd(rate, nesterov ? MulAdd(momentum, v, d) : v, w);
    finite.see(io, v);
    finite.see(io, after);
    io.store(v, velocity + i);
    io.store(after, w_new + i);
  });
  return finite.holds();
}

bool AdamRange(std::size_t count, const float* w_old, float* w_new, const float* g, float* m,
               float* v, const AdamParams& params, const AdamFactors& factors,
               const GradientUse& use) {
  const GradientTerm gradient(g, use, factors.decay);
  const V beta1 = splat(params.beta1);
  const V beta2 = splat(params.beta2);
  const V rest1 = splat(static_cast<float>(1.0 - static_cast<double>(params.beta1)));
  const V rest2 = splat(static_cast<float>(1.0 - static_cast<double>(params.beta2)));
  const V epsilon = splat(params.epsilon);
  const V step_size = splat(factors.step_size);
  const V root = splat(1.0F / factors.root_correction);
  const V shrink = splat(factors.shrink);
  FiniteSoFar finite;
  for_vectors(count, [=, &finite](auto io, std::size_t i) HWY_ATTR {
    const V w = io.load(w_old + i);
    const V d = gradient(io, i, w);
    const V first = MulAdd(beta1, io.load(m + i), Mul(rest1, d));
    const V second = MulAdd(beta2, io.load(v + i), Mul(rest2, Mul(d, d)));
    io.store(first, m + i);
    io.store(second, v + i);
    const V change = Div(first, MulAdd(Sqrt(second), root, epsilon));
    const V after = NegMulAdd(step_size, change, Mul(w, shrink));
    // Where the first moment is infinite, the second one is.
    finite.see(io, second);
    finite.see(io, after);
    io.store(after, w_new + i);
  });
  return finite.holds();
}

bool RmspropRange(std::size_t count, const float* w_old, float* w_new, const float* g,
                  float* square_average, float* velocity, const RmspropParams& params,
                  const GradientUse& use) {
  const GradientTerm gradient(g, use, params.weight_decay);
  const V alpha = splat(params.alpha);
  const V rest = splat(static_cast<float>(1.0 - static_cast<double>(params.alpha)));
  const V epsilon = splat(params.epsilon);
  const V rate = splat(params.rate);
  const V momentum = splat(params.momentum);
  FiniteSoFar finite;
  for_vectors(count,
              [=, &finite, moves = params.momentum != 0.0F](auto io, std::size_t i) HWY_ATTR {
                const V w = io.load(w_old + i);
                const V d = gradient(io, i, w);
                const V average = MulAdd(alpha, io.load(square_average + i), Mul(rest, Mul(d, d)));
                io.store(average, square_average + i);
                finite.see(io, average);
                V change = Div(d, Add(Sqrt(average), epsilon));
                if (moves) {
                  change = MulAdd(momentum, io.load(velocity + i), change);
                  io.store(change, velocity + i);
                }
                const V after = NegMulAdd(rate, change, w);
                finite.see(io, change);
                finite.see(io, after);
                io.store(after, w_new + i);
              });
  return finite.holds();
}

bool AdagradRange(std::size_t count, const float* w_old, float* w_new, const float* g,
                  float* square_sum, float rate_now, const AdagradParams& params,
                  const GradientUse& use) {
  const GradientTerm gradient(g, use, params.weight_decay);
  const V rate = splat(rate_now);
  const V epsilon = splat(params.epsilon);
  FiniteSoFar finite;
  for_vectors(count, [=, &finite](auto io, std::size_t i) HWY_ATTR {
    const V w = io.load(w_old + i);
    const V d = gradient(io, i, w);
    const V total = MulAdd(d, d, io.load(square_sum + i));
    io.store(total, square_sum + i);
    const V after = NegMulAdd(rate, Div(d, Add(Sqrt(total), epsilon)), w);
    finite.see(io, total);
    finite.see(io, after);
    io.store(after, w_new + i);
  });
  return finite.holds();
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(FiniteBlock);
HWY_EXPORT(SgdRange);
HWY_EXPORT(AdamRange);
HWY_EXPORT(RmspropRange);
HWY_EXPORT(AdagradRange);

namespace kernels {
namespace {

float* from(float* state, std::int64_t first) { return state == nullptr ? nullptr : state + first; }

static_assert(elementwise_grain % update_block == 0, "a block is of one range");

/// Calls `update(first, last)`, which says whether what it wrote is finite, for all of [0, count);
/// by blocks, without those that are to be left alone, when the use asks for that.
UpdateFindings all_blocks(std::int64_t count, const float* g, const BlockReads& reads,
                          const GradientUse& use,
                          FunctionRef<bool(std::int64_t, std::int64_t)> update) {
  std::atomic<bool> finite = true;
  std::atomic<bool> gradient_finite = true;
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    if (use.done == nullptr) {
      if (!update(first, last)) finite.store(false, std::memory_order_relaxed);
      return;
    }
    for (std::int64_t at = first; at < last; at += update_block) {
      const std::int64_t end = std::min(at + update_block, last);
      std::uint8_t& done = use.done[at / update_block];
      if (done != 0) continue;
      // The block is in the nearest cache, then, for the update itself.
      if (!HWY_DYNAMIC_DISPATCH(FiniteBlock)(as_size(end - at), g + at,
                                             use.also == nullptr ? nullptr : use.also + at,
                                             reads.from(at))) {
        gradient_finite.store(false, std::memory_order_relaxed);
        continue;
      }
      done = 1;
      if (!update(at, end)) finite.store(false, std::memory_order_relaxed);
    }
  });
  return {.gradient_finite = gradient_finite.load(std::memory_order_relaxed),
          .finite = finite.load(std::memory_order_relaxed)};
}

GradientUse from(GradientUse use, std::int64_t first) {
  if (use.also != nullptr) use.also += first;
  return use;
}

UpdateFindings adam(std::int64_t count, const float* w_old, float* w_new, const float* g, float* m,
                    float* v, const AdamParams& params, double shrink, float decay,
                    const GradientUse& use) {
  expects(params.step >= 1, "Adam counts steps from 1");
  const auto step = static_cast<double>(params.step);
  const double correction1 = 1.0 - std::pow(static_cast<double>(params.beta1), step);
  const double correction2 = 1.0 - std::pow(static_cast<double>(params.beta2), step);
  const AdamFactors factors{
      .step_size = static_cast<float>(static_cast<double>(params.rate) / correction1),
      .root_correction = static_cast<float>(std::sqrt(correction2)),
      .shrink = static_cast<float>(shrink),
      .decay = decay};
  return all_blocks(count, g, {{w_old, m, v}}, use, [&](std::int64_t first, std::int64_t last) {
    return HWY_DYNAMIC_DISPATCH(AdamRange)(as_size(last - first), w_old + first, w_new + first,
                                           g + first, m + first, v + first, params, factors,
                                           from(use, first));
  });
}

}  // namespace

UpdateFindings sgd_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                          float* velocity, const SgdParams& params, const GradientUse& use) {
  expects(params.momentum == 0.0F || velocity != nullptr, "momentum needs a velocity");
  return all_blocks(
      count, g, {{w_old, velocity, nullptr}}, use, [&](std::int64_t first, std::int64_t last) {
        return HWY_DYNAMIC_DISPATCH(SgdRange)(as_size(last - first), w_old + first, w_new + first,
                                              g + first, from(velocity, first), params,
                                              from(use, first));
      });
}

UpdateFindings adam_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                           float* m, float* v, const AdamParams& params, const GradientUse& use) {
  return adam(count, w_old, w_new, g, m, v, params, 1.0, params.weight_decay, use);
}

UpdateFindings adamw_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                            float* m, float* v, const AdamParams& params, const GradientUse& use) {
  const double shrink =
      1.0 - static_cast<double>(params.rate) * static_cast<double>(params.weight_decay);
  return adam(count, w_old, w_new, g, m, v, params, shrink, 0.0F, use);
}

UpdateFindings rmsprop_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                              float* square_average, float* velocity, const RmspropParams& params,
                              const GradientUse& use) {
  expects(params.momentum == 0.0F || velocity != nullptr, "momentum needs a velocity");
  return all_blocks(count, g, {{w_old, square_average, velocity}}, use,
                    [&](std::int64_t first, std::int64_t last) {
                      return HWY_DYNAMIC_DISPATCH(RmspropRange)(
                          as_size(last - first), w_old + first, w_new + first, g + first,
                          square_average + first, from(velocity, first), params, from(use, first));
                    });
}

UpdateFindings adagrad_update(std::int64_t count, const float* w_old, float* w_new, const float* g,
                              float* square_sum, const AdagradParams& params,
                              const GradientUse& use) {
  const double slowed =
      static_cast<double>(params.rate) /
      (1.0 + static_cast<double>(params.step - 1) * static_cast<double>(params.rate_decay));
  const auto rate = static_cast<float>(slowed);
  return all_blocks(
      count, g, {{w_old, square_sum, nullptr}}, use, [&](std::int64_t first, std::int64_t last) {
        return HWY_DYNAMIC_DISPATCH(AdagradRange)(as_size(last - first), w_old + first,
                                                  w_new + first, g + first, square_sum + first,
                                                  rate, params, from(use, first));
      });
}

}  // namespace kernels
}  // namespace raven
#endif
