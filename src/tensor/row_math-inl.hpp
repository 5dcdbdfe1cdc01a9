// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_ROW_MATH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_ROW_MATH_INL_HPP
#undef RAVEN_TENSOR_ROW_MATH_INL_HPP
#else
#define RAVEN_TENSOR_ROW_MATH_INL_HPP
#endif

#include <cmath>

#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

/// The largest of a row's values; never NaN, the exponentials will carry that.
HWY_INLINE float row_max(std::size_t columns, const float* x) {
  const V lowest = splat(-std::numeric_limits<float>::infinity());
  V highest = lowest;
  for_vectors(columns, [&](auto io, std::size_t i) HWY_ATTR {
    const V value = io.only_or(io.load(x + i), lowest);
    highest = IfThenElse(Gt(value, highest), value, highest);
  });
  const float found = hn::GetLane(hn::MaxOfLanes(Floats(), highest));
  // Nothing above minus infinity: subtracting that would make NaN of numbers.
  return found == -std::numeric_limits<float>::infinity() ? 0.0F : found;
}

/// Sum of exp(x - highest).
HWY_INLINE double sum_of_exp(std::size_t columns, const float* x, float highest) {
  return sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
    return io.only(exp_of_negative(Sub(io.load(x + i), splat(highest))));
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
