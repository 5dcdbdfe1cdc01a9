#pragma once

#include "raven/tensor/tensor.hpp"

namespace raven {

/// Whether every element is a number, neither infinite nor none: whole numbers always are. Runs on
/// the caller's pool.
[[nodiscard]] bool is_finite(const Tensor& tensor);

}  // namespace raven
