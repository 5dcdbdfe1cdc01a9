#pragma once

#include <array>
#include <cstdint>

#include "raven/graph/tape.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

/// Vertical first, then horizontal.
using Size2d = std::array<std::int64_t, 2>;

struct Conv2dOptions {
  Size2d stride{1, 1};
  Size2d padding{0, 0};
  Size2d dilation{1, 1};
  std::int64_t groups = 1;  ///< divides the channels of input and output
};

/// y = f(conv(x, weight) + bias) of channels-last images: x [n, height, width, in],
/// weight [out, kernel_height, kernel_width, in / groups], bias [out] or empty
/// -> [n, out_height, out_width, out].
/// @throws InputError when the shapes do not fit together or nothing is left of the image
[[nodiscard]] Variable conv2d(Variable x, Variable weight, Variable bias = {},
                              const Conv2dOptions& options = {},
                              const kernels::Activation& activation = {});

struct Conv1dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< zeros at both ends
  std::int64_t dilation = 1;
  std::int64_t groups = 1;  ///< divides the channels of input and output
};

/// The same along one dimension: x [n, length, in], weight [out, kernel, in / groups] -> [n,
/// out_length, out].
[[nodiscard]] Variable conv1d(Variable x, Variable weight, Variable bias = {},
                              const Conv1dOptions& options = {},
                              const kernels::Activation& activation = {});

}  // namespace raven
