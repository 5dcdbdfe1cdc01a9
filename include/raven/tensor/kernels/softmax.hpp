#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// y[r, :] = exp(x[r, :]) / sum exp(x[r, :]), stable for any finite x. y == x is allowed.
void softmax_forward(std::int64_t rows, std::int64_t columns, const float* x, float* y);
/// dx (+)= y (dy - sum(y dy)). dx == dy is allowed when not accumulating.
void softmax_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* dy,
                      float* dx, Accumulate accumulate = Accumulate::no);

/// y[r, :] = x[r, :] - log sum exp(x[r, :]). y == x is allowed.
void log_softmax_forward(std::int64_t rows, std::int64_t columns, const float* x, float* y);
/// dx (+)= dy - exp(y) sum(dy). dx == dy is allowed when not accumulating.
void log_softmax_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* dy,
                          float* dx, Accumulate accumulate = Accumulate::no);

}  // namespace raven::kernels
