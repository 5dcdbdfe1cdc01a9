#pragma once

#include "raven/graph/tape.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

/// y = f(x W^T + b): x [..., in], weight [out, in], bias [out] or empty -> [..., out].
/// @throws InputError when the shapes do not fit together
[[nodiscard]] Variable linear(Variable x, Variable weight, Variable bias = {},
                              const kernels::Activation& activation = {});

/// [m, k] times [k, n] -> [m, n].
[[nodiscard]] Variable matmul(Variable a, Variable b);

}  // namespace raven
