#pragma once

#include "raven/graph/tape.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

// Element by element, any shape. linear() and conv2d() do the same in their own pass over memory.

/// Any of those below; `identity` records nothing.
[[nodiscard]] Variable activate(Variable x, const kernels::Activation& activation);

[[nodiscard]] Variable relu(Variable x);
[[nodiscard]] Variable leaky_relu(Variable x, double slope = 0.01);
[[nodiscard]] Variable elu(Variable x, double alpha = 1.0);
[[nodiscard]] Variable selu(Variable x);
/// x Phi(x), with erf.
[[nodiscard]] Variable gelu(Variable x);
/// Its approximation by tanh.
[[nodiscard]] Variable gelu_tanh(Variable x);
/// x sigmoid(x)
[[nodiscard]] Variable silu(Variable x);
/// log(1 + exp(beta x)) / beta
[[nodiscard]] Variable softplus(Variable x, double beta = 1.0, double threshold = 20.0);
[[nodiscard]] Variable sigmoid(Variable x);
[[nodiscard]] Variable tanh(Variable x);

/// Along the last dimension.
[[nodiscard]] Variable softmax(Variable x);
[[nodiscard]] Variable log_softmax(Variable x);

}  // namespace raven
