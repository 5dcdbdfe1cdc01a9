#pragma once

#include <cstdint>

#include "raven/tensor/kernels/activation.hpp"
#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// Sizes of a 2-d convolution (cross-correlation, as everywhere in this field) of channels-last
/// images: x [batch, height, width, in], weight [out, kernel_height, kernel_width, in / groups], y
/// [batch, out_height(), out_width(), out].
struct ConvShape {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::int64_t kernel_height = 1;
  std::int64_t kernel_width = 1;
  std::int64_t stride_height = 1;
  std::int64_t stride_width = 1;
  std::int64_t padding_height = 0;
  std::int64_t padding_width = 0;
  std::int64_t dilation_height = 1;
  std::int64_t dilation_width = 1;
  std::int64_t groups = 1;  ///< divides in and out

  [[nodiscard]] std::int64_t out_height() const {
    return (height + 2 * padding_height - dilation_height * (kernel_height - 1) - 1) /
               stride_height +
           1;
  }
  [[nodiscard]] std::int64_t out_width() const {
    return (width + 2 * padding_width - dilation_width * (kernel_width - 1) - 1) / stride_width + 1;
  }
  [[nodiscard]] std::int64_t out_rows() const { return batch * out_height() * out_width(); }
  /// Elements under the kernel for one group: the inner size of the products.
  [[nodiscard]] std::int64_t patch() const { return kernel_height * kernel_width * (in / groups); }
};

/// y = f(conv(x, weight) + bias).
/// @param bias [out] or null
/// @param slopes as of linear_forward
void conv2d_forward(const ConvShape& shape, const float* x, const float* weight, const float* bias,
                    const Activation& f, float* y, float* slopes = nullptr);

// The gradients of bias and activation are bias_activation_backward (linear.hpp) over out_rows()
// rows.

/// dx (+)= the gradient of the input.
void conv2d_backward_input(const ConvShape& shape, const float* dz, const float* weight, float* dx,
                           Accumulate accumulate);

/// dW (+)= the gradient of the weight.
void conv2d_backward_weight(const ConvShape& shape, const float* dz, const float* x,
                            float* weight_gradient, Accumulate accumulate);

}  // namespace raven::kernels
