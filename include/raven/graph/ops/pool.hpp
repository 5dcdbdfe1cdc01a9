#pragma once

#include "raven/graph/ops/conv.hpp"

namespace raven {

struct Pool2dOptions {
  Size2d kernel{2, 2};
  Size2d stride{0, 0};   ///< 0 means: as the kernel
  Size2d padding{0, 0};  ///< at most half the kernel
};

/// The largest value under each window: [n, height, width, channels] ->
/// [n, out_height, out_width, channels]. Padding never wins.
[[nodiscard]] Variable max_pool2d(Variable x, const Pool2dOptions& options = {});

/// The mean under each window; padded zeros count.
[[nodiscard]] Variable avg_pool2d(Variable x, const Pool2dOptions& options = {});

/// The mean of each channel over its whole image: [n, height, width, channels] -> [n, channels].
[[nodiscard]] Variable global_avg_pool2d(Variable x);

}  // namespace raven
