#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// Element-wise non-linearities. Values are on the wire.
enum class ActivationKind : std::uint8_t {
  identity = 0,
  relu = 1,
  leaky_relu = 2,  ///< z > 0 ? z : a z
  elu = 3,         ///< z > 0 ? z : a (exp(z) - 1)
  selu = 4,
  gelu = 5,       ///< z Phi(z), with erf
  gelu_tanh = 6,  ///< its tanh approximation
  silu = 7,       ///< z sigmoid(z)
  softplus = 8,   ///< log(1 + exp(a z)) / a; z where a z > threshold
  sigmoid = 9,
  tanh = 10,
};
constexpr int activation_kinds = 11;

/// A non-linearity with its constants.
struct Activation {
  ActivationKind kind = ActivationKind::identity;
  /// leaky_relu: slope >= 0. elu: alpha > 0. softplus: beta > 0. Otherwise unused.
  float a = 1.0F;
  /// softplus only.
  float threshold = 20.0F;
};

/// PyTorch's defaults: leaky_relu 0.01, elu 1, softplus 1 and 20.
[[nodiscard]] Activation default_activation(ActivationKind kind);

/// True when the derivative needs the input z (gelu, gelu_tanh, silu, softplus); the others only
/// need the output y.
[[nodiscard]] bool activation_needs_input(ActivationKind kind);

/// y = f(z). y == z is allowed.
void activation_forward(const Activation& f, std::int64_t count, const float* z, float* y);

/// dz = dy f'(...), or dz += ...; dz == dy is allowed when not accumulating.
/// @param saved z if activation_needs_input(f.kind), else y. Unused (may be null) for identity.
void activation_backward(const Activation& f, std::int64_t count, const float* saved,
                         const float* dy, float* dz, Accumulate accumulate = Accumulate::no);

}  // namespace raven::kernels
