#include "raven/tensor/kernels/activation.hpp"

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/activation.cpp"
#include "hwy/foreach_target.h"
#include "tensor/kernels/activation-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

void ActivationForward(const kernels::Activation& kind, std::size_t count, const float* z,
                       float* y) {
  with_activation(kind, [=](const auto& f) HWY_ATTR {
    for_vectors(count,
                [&](auto io, std::size_t i) HWY_ATTR { io.store(f.value(io.load(z + i)), y + i); });
  });
}

void ActivationBackward(const kernels::Activation& kind, std::size_t count, const float* saved,
                        const float* dy, float* dz, kernels::Accumulate accumulate) {
  with_activation(kind, [=](const auto& f) HWY_ATTR {
    if (accumulate == kernels::Accumulate::yes) {
      for_vectors(count, [&](auto io, std::size_t i) HWY_ATTR {
        io.store(MulAdd(io.load(dy + i), f.slope(io.load(saved + i)), io.load(dz + i)), dz + i);
      });
    } else {
      for_vectors(count, [&](auto io, std::size_t i) HWY_ATTR {
        io.store(Mul(io.load(dy + i), f.slope(io.load(saved + i))), dz + i);
      });
    }
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(ActivationForward);
HWY_EXPORT(ActivationBackward);

namespace kernels {

Activation default_activation(ActivationKind kind) {
  return {.kind = kind, .a = kind == ActivationKind::leaky_relu ? 0.01F : 1.0F};
}

bool activation_needs_input(ActivationKind kind) {
  return kind == ActivationKind::gelu || kind == ActivationKind::gelu_tanh ||
         kind == ActivationKind::silu || kind == ActivationKind::softplus;
}

void activation_forward(const Activation& f, std::int64_t count, const float* z, float* y) {
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(ActivationForward)(f, as_size(last - first), z + first, y + first);
  });
}

void activation_backward(const Activation& f, std::int64_t count, const float* saved,
                         const float* dy, float* dz, Accumulate accumulate) {
  // The derivative of the identity reads nothing; any readable memory will do.
  const float* known = f.kind == ActivationKind::identity ? dy : saved;
  expects(known != nullptr || count == 0, "the derivative has its saved value");
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(ActivationBackward)
    (f, as_size(last - first), known + first, dy + first, dz + first, accumulate);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
