// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_ACTIVATION_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_ACTIVATION_INL_HPP
#undef RAVEN_TENSOR_ACTIVATION_INL_HPP
#else
#define RAVEN_TENSOR_ACTIVATION_INL_HPP
#endif

#include "hwy/contrib/math/math-inl.h"
#include "raven/tensor/kernels/activation.hpp"
#include "tensor/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using V = FloatVector;
using hn::Abs, hn::Add, hn::Div, hn::Exp, hn::Expm1, hn::Gt, hn::IfThenElse, hn::IfThenZeroElse,
    hn::Log1p, hn::Lt, hn::Max, hn::Min, hn::Mul, hn::MulAdd, hn::Neg, hn::NegMulAdd, hn::Not,
    hn::Sub, hn::Tanh, hn::Zero;

// Comparisons below are put so that NaN comes out as NaN.

HWY_INLINE V one() { return splat(1.0F); }

HWY_INLINE V sigmoid(V z) {
  // exp of a negative number never overflows.
  const V small = Exp(Floats(), Neg(Abs(z)));
  const V numerator = IfThenElse(Lt(z, Zero(Floats())), small, one());
  return Div(numerator, Add(one(), small));
}

/// exp(-z^2 / 2), with the rounding error of z^2 taken back: far out it would cost a digit.
HWY_INLINE V gauss_bell(V z) {
  const V clipped = Min(Max(z, splat(-20.0F)), splat(20.0F));
  const V square = Mul(clipped, clipped);
  const V lost = hn::MulSub(clipped, clipped, square);
  const V bell = Exp(Floats(), Mul(square, splat(-0.5F)));
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
  return IfThenElse(Lt(z, Zero(Floats())), tail, Sub(one(), tail));
}

struct Identity {
  HWY_INLINE V value(V z) const { return z; }
  HWY_INLINE V slope(V) const { return one(); }
};

struct Relu {
  HWY_INLINE V value(V z) const { return IfThenZeroElse(Lt(z, Zero(Floats())), z); }
  HWY_INLINE V slope(V y) const { return IfThenElse(Gt(y, Zero(Floats())), one(), Zero(Floats())); }
};

struct LeakyRelu {
  V a;
  HWY_INLINE V value(V z) const { return IfThenElse(Gt(z, Zero(Floats())), z, Mul(a, z)); }
  HWY_INLINE V slope(V y) const { return IfThenElse(Gt(y, Zero(Floats())), one(), a); }
};

/// scale (z > 0 ? z : alpha (exp(z) - 1)): elu and selu.
struct Elu {
  V scale;
  V scaled_alpha;
  HWY_INLINE V value(V z) const {
    // Highway's expm1 wants no large arguments; only the negative side is used.
    const V bent = Mul(scaled_alpha, Expm1(Floats(), Min(z, Zero(Floats()))));
    return IfThenElse(Gt(z, Zero(Floats())), Mul(scale, z), bent);
  }
  HWY_INLINE V slope(V y) const {
    return IfThenElse(Gt(y, Zero(Floats())), scale, Add(y, scaled_alpha));
  }
};

struct Gelu {
  HWY_INLINE V value(V z) const { return Mul(z, normal_cdf(z, gauss_bell(z))); }
  HWY_INLINE V slope(V z) const {
    const V bell = gauss_bell(z);
    return MulAdd(Mul(z, splat(0.39894228F)), bell, normal_cdf(z, bell));
  }
};

struct GeluTanh {
  // 0.5 (1 + tanh(u)) is sigmoid(2 u), which keeps its digits where tanh is near -1.
  HWY_INLINE V gate(V z) const {
    const V inner = MulAdd(splat(0.044715F), Mul(z, z), one());
    return sigmoid(Mul(Mul(splat(1.5957691216057308F), z), inner));
  }
  HWY_INLINE V value(V z) const { return Mul(z, gate(z)); }
  HWY_INLINE V slope(V z) const {
    const V g = gate(z);
    const V inner = MulAdd(splat(3.0F * 0.044715F), Mul(z, z), one());
    const V du = Mul(splat(1.5957691216057308F), Mul(z, inner));
    return MulAdd(Mul(g, Sub(one(), g)), du, g);
  }
};

struct Silu {
  HWY_INLINE V value(V z) const { return Mul(z, sigmoid(z)); }
  HWY_INLINE V slope(V z) const {
    const V s = sigmoid(z);
    return MulAdd(Mul(z, s), Sub(one(), s), s);
  }
};

struct Softplus {
  V beta;
  V reciprocal;
  V threshold;
  HWY_INLINE V value(V z) const {
    const V scaled = Mul(beta, z);
    const V rest = Log1p(Floats(), Exp(Floats(), Neg(Abs(scaled))));
    const V soft = Mul(Add(Max(Zero(Floats()), scaled), rest), reciprocal);
    return IfThenElse(Gt(scaled, threshold), z, soft);
  }
  // y = log(1 + exp(b z)) / b, so f'(z) = sigmoid(b z) = 1 - exp(-b y).
  HWY_INLINE V slope(V y) const {
    const V scaled = Mul(beta, y);
    const V soft = Neg(Expm1(Floats(), Neg(scaled)));
    return IfThenElse(Gt(scaled, threshold), one(), soft);
  }
};

struct Sigmoid {
  HWY_INLINE V value(V z) const { return sigmoid(z); }
  HWY_INLINE V slope(V y) const { return Mul(y, Sub(one(), y)); }
};

struct HyperbolicTangent {
  HWY_INLINE V value(V z) const { return Tanh(Floats(), z); }
  HWY_INLINE V slope(V y) const { return NegMulAdd(y, y, one()); }
};

/// Calls use(f) with the functor for `f`.
template <class Use>
HWY_INLINE void with_activation(const kernels::Activation& f, const Use& use) {
  using kernels::ActivationKind;
  switch (f.kind) {
    case ActivationKind::identity:
      return use(Identity{});
    case ActivationKind::relu:
      return use(Relu{});
    case ActivationKind::leaky_relu:
      return use(LeakyRelu{splat(f.a)});
    case ActivationKind::elu:
      return use(Elu{one(), splat(f.a)});
    case ActivationKind::selu:
      return use(Elu{splat(1.0507009873554805F), splat(1.0507009873554805F * 1.6732632423543772F)});
    case ActivationKind::gelu:
      return use(Gelu{});
    case ActivationKind::gelu_tanh:
      return use(GeluTanh{});
    case ActivationKind::silu:
      return use(Silu{});
    case ActivationKind::softplus:
      return use(Softplus{splat(f.a), splat(1.0F / f.a), splat(f.threshold)});
    case ActivationKind::sigmoid:
      return use(Sigmoid{});
    case ActivationKind::tanh:
      return use(HyperbolicTangent{});
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
