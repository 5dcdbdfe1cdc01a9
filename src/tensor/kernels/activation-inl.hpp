// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_ACTIVATION_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_ACTIVATION_INL_HPP
#undef RAVEN_TENSOR_ACTIVATION_INL_HPP
#else
#define RAVEN_TENSOR_ACTIVATION_INL_HPP
#endif

#include "raven/tensor/kernels/activation.hpp"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

struct Identity {
  HWY_INLINE V value(V z) const { return z; }
  HWY_INLINE V slope(V) const { return one(); }
};

struct Relu {
  HWY_INLINE V value(V z) const { return IfThenZeroElse(Lt(z, zero()), z); }
  HWY_INLINE V slope(V y) const { return IfThenElse(Gt(y, zero()), one(), zero()); }
};

struct LeakyRelu {
  V a;
  HWY_INLINE V value(V z) const { return IfThenElse(Gt(z, zero()), z, Mul(a, z)); }
  HWY_INLINE V slope(V y) const { return IfThenElse(Gt(y, zero()), one(), a); }
};

/// scale (z > 0 ? z : alpha (exp(z) - 1)): elu and selu.
struct Elu {
  V scale;
  V scaled_alpha;
  HWY_INLINE V value(V z) const {
    // Highway's expm1 wants no large arguments; only the negative side is used.
    const V bent = Mul(scaled_alpha, hn::Expm1(Floats(), Min(z, zero())));
    return keep_nan(z, IfThenElse(Gt(z, zero()), Mul(scale, z), bent));
  }
  HWY_INLINE V slope(V y) const { return IfThenElse(Gt(y, zero()), scale, Add(y, scaled_alpha)); }
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
  HWY_INLINE Logistic gate(V z) const {
    const V inner = MulAdd(splat(0.044715F), Mul(z, z), one());
    return logistic(Mul(Mul(splat(1.5957691216057308F), z), inner));
  }
  HWY_INLINE V value(V z) const { return Mul(z, gate(z).up); }
  HWY_INLINE V slope(V z) const {
    const Logistic g = gate(z);
    const V inner = MulAdd(splat(3.0F * 0.044715F), Mul(z, z), one());
    const V du = Mul(splat(1.5957691216057308F), Mul(z, inner));
    return MulAdd(Mul(g.up, g.down), du, g.up);
  }
};

struct Silu {
  HWY_INLINE V value(V z) const { return Mul(z, sigmoid(z)); }
  HWY_INLINE V slope(V z) const {
    const Logistic s = logistic(z);
    return MulAdd(Mul(z, s.up), s.down, s.up);
  }
};

struct Softplus {
  V beta;
  V reciprocal;
  V threshold;
  HWY_INLINE V value(V z) const {
    const V scaled = Mul(beta, z);
    const V soft = Mul(softplus(scaled), reciprocal);
    return IfThenElse(Gt(scaled, threshold), z, soft);
  }
  HWY_INLINE V slope(V z) const {
    const V scaled = Mul(beta, z);
    return IfThenElse(Gt(scaled, threshold), one(), sigmoid(scaled));
  }
};

struct Sigmoid {
  HWY_INLINE V value(V z) const { return sigmoid(z); }
  HWY_INLINE V slope(V y) const { return Mul(y, Sub(one(), y)); }
};

struct HyperbolicTangent {
  HWY_INLINE V value(V z) const { return keep_nan(z, hn::Tanh(Floats(), z)); }
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
