#pragma once

#include <cstdint>

#include "raven/tensor/kernels/activation.hpp"

namespace raven::kernels {

/// y = f(y + bias) on a tile, on the calling thread; keeps f'(y + bias) in `slopes`
/// unless that is null.
/// @param bias [columns] or null
/// @param slopes with the stride of y, or null
void finish_tile(const Activation& f, std::int64_t rows, std::int64_t columns, const float* bias,
                 Matrix y, float* slopes);

}  // namespace raven::kernels
