#pragma once

#include <cstdint>

#include "raven/tensor/kernels/activation.hpp"
#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// Sizes of y = f(x W^T + b): x [rows, in], W [out, in], b [out], y [rows, out].
struct LinearShape {
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
};

/// y = f(x W^T + b), bias and activation applied to each tile right after its product.
/// @param bias may be null
/// @param slopes null, or [rows, out] for f'(x W^T + b), which bias_activation_backward wants where
/// activation_needs_input; slopes != y
void linear_forward(const LinearShape& shape, const float* x, const float* weight,
                    const float* bias, const Activation& f, float* y, float* slopes = nullptr);

/// dz = dy f' and the bias gradient (column sums of dz), in one pass over memory. Also for
/// conv2d, with rows = batch * out_height * out_width.
/// @param saved the slopes f' if activation_needs_input(f.kind), else y. Unused (may be null) for
/// identity
/// @param dz [rows, out]; may be dy itself; for identity without a copy pass dz == dy
/// @param bias_gradient [out] or null
void bias_activation_backward(std::int64_t rows, std::int64_t out, const Activation& f,
                              const float* saved, const float* dy, float* dz, float* bias_gradient,
                              Accumulate accumulate_bias);

/// dx (+)= dz W.
void linear_backward_input(const LinearShape& shape, const float* dz, const float* weight,
                           float* dx, Accumulate accumulate);

/// dW (+)= dz^T x.
void linear_backward_weight(const LinearShape& shape, const float* dz, const float* x,
                            float* weight_gradient, Accumulate accumulate);

}  // namespace raven::kernels
