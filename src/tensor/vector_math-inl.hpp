// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_VECTOR_MATH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_VECTOR_MATH_INL_HPP
#undef RAVEN_TENSOR_VECTOR_MATH_INL_HPP
#else
#define RAVEN_TENSOR_VECTOR_MATH_INL_HPP
#endif

#include <limits>

#include "hwy/contrib/math/math-inl.h"
#include "tensor/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using V = FloatVector;
using hn::Abs, hn::Add, hn::And, hn::Div, hn::Eq, hn::Ge, hn::Gt, hn::IfThenElse,
    hn::IfThenElseZero, hn::IfThenZeroElse, hn::Le, hn::Lt, hn::Max, hn::Min, hn::Mul, hn::MulAdd,
    hn::MulSub, hn::Neg, hn::NegMulAdd, hn::Sqrt, hn::Sub;

HWY_INLINE V zero() { return hn::Zero(Floats()); }
HWY_INLINE V one() { return splat(1.0F); }

/// `value`, but NaN where x is: Highway's functions take NaN for a number, and a model that
/// diverges must show it.
HWY_INLINE V keep_nan(V x, V value) { return IfThenElse(Eq(x, x), value, x); }

HWY_INLINE V exp_of(V x) {
  // Highway's range ends at 104; past 88.73 the result is infinite.
  const V inside = hn::Exp(Floats(), Min(x, splat(89.0F)));
  const V value =
      IfThenElse(Gt(x, splat(88.73F)), splat(std::numeric_limits<float>::infinity()), inside);
  return keep_nan(x, value);
}

/// exp(x) for x <= 0.
HWY_INLINE V exp_of_negative(V x) { return keep_nan(x, hn::Exp(Floats(), x)); }

HWY_INLINE V log_of(V x) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  V value = hn::Log(Floats(), x);
  value = IfThenElse(Eq(x, splat(infinity)), x, value);
  value = IfThenElse(Eq(x, zero()), splat(-infinity), value);
  value = IfThenElse(Lt(x, zero()), splat(std::numeric_limits<float>::quiet_NaN()), value);
  return keep_nan(x, value);
}

/// 1 / (1 + exp(-z)) and 1 / (1 + exp(z)), which is its difference from 1 without cancellation.
struct Logistic {
  V up;
  V down;
};

HWY_INLINE Logistic logistic(V z) {
  // exp of a negative number never overflows.
  const V small = exp_of_negative(Neg(Abs(z)));
  const V large_part = Div(one(), Add(one(), small));
  const V small_part = Mul(small, large_part);
  const auto negative = Lt(z, zero());
  return {IfThenElse(negative, small_part, large_part),
          IfThenElse(negative, large_part, small_part)};
}

HWY_INLINE V sigmoid(V z) { return logistic(z).up; }

/// log(1 + exp(z))
HWY_INLINE V softplus(V z) {
  const V rest = hn::Log1p(Floats(), exp_of_negative(Neg(Abs(z))));
  return keep_nan(z, Add(Max(z, zero()), rest));
}

/// exp(-z^2 / 2), with the rounding error of z^2 taken back: far out it would cost a digit.
HWY_INLINE V gauss_bell(V z) {
  const V clipped = Min(Max(z, splat(-20.0F)), splat(20.0F));
  const V square = Mul(clipped, clipped);
  const V lost = MulSub(clipped, clipped, square);
  const V bell = hn::Exp(Floats(), Mul(square, splat(-0.5F)));
  return NegMulAdd(Mul(lost, splat(0.5F)), bell, bell);
}

/// The normal distribution function, given gauss_bell(z): erfc(x) = exp(-x^2) t P(t) with t = 1 /
/// (1 + 0.4 x), P fitted in the Chebyshev sense for x in [0, 10.5]; relative error 1.6e-7 in both
/// tails.
HWY_INLINE V normal_cdf(V z, V bell) {
  const V x = Mul(Abs(z), splat(0.70710678F));
  const V t = Div(one(), MulAdd(x, splat(0.4F), one()));
  V p = splat(-0.029475359246134758F);
  p = MulAdd(p, t, splat(0.1971645951271057F));
  p = MulAdd(p, t, splat(-0.49631956219673157F));
  p = MulAdd(p, t, splat(0.5434264540672302F));
  p = MulAdd(p, t, splat(-0.2804465889930725F));
  p = MulAdd(p, t, splat(0.26964277029037476F));
  p = MulAdd(p, t, splat(0.13062793016433716F));
  p = MulAdd(p, t, splat(0.21469257771968842F));
  p = MulAdd(p, t, splat(0.22498199343681335F));
  p = MulAdd(p, t, splat(0.22570523619651794F));
  const V tail = Mul(Mul(splat(0.5F), bell), Mul(t, p));
  return keep_nan(z, IfThenElse(Lt(z, zero()), tail, Sub(one(), tail)));
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
