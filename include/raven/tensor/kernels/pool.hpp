#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// Sizes of 2-d pooling of channels-last images [batch, height, width, channels].
struct PoolShape {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t kernel_height = 2;
  std::int64_t kernel_width = 2;
  std::int64_t stride_height = 2;
  std::int64_t stride_width = 2;
  std::int64_t padding_height = 0;  ///< at most half the kernel
  std::int64_t padding_width = 0;

  [[nodiscard]] std::int64_t out_height() const {
    return (height + 2 * padding_height - kernel_height) / stride_height + 1;
  }
  [[nodiscard]] std::int64_t out_width() const {
    return (width + 2 * padding_width - kernel_width) / stride_width + 1;
  }
};

/// y = the largest value under each window; padding never wins.
/// @param argmax like y, or null: pixel (row * width + column) of its image that won, the first one
/// of equals
void max_pool2d_forward(const PoolShape& shape, const float* x, float* y, std::int32_t* argmax);
/// dx (+)= dy at the winning pixels.
void max_pool2d_backward(const PoolShape& shape, const std::int32_t* argmax, const float* dy,
                         float* dx, Accumulate accumulate = Accumulate::no);

/// y = the mean under each window; padded zeros count, as in PyTorch's default.
void avg_pool2d_forward(const PoolShape& shape, const float* x, float* y);
void avg_pool2d_backward(const PoolShape& shape, const float* dy, float* dx,
                         Accumulate accumulate = Accumulate::no);

}  // namespace raven::kernels
