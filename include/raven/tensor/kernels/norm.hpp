#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// y[r, :] = (x[r, :] - mean[r]) rstd[r] gamma + beta, mean and (biased) variance over the columns
/// of each row.
/// @param gamma,beta [columns] or null for 1 and 0
/// @param mean,rstd [rows]: saved for backward
void layer_norm_forward(std::int64_t rows, std::int64_t columns, float epsilon, const float* x,
                        const float* gamma, const float* beta, float* y, float* mean, float* rstd);
/// @param dx [rows, columns]; may be dy
/// @param dgamma,dbeta [columns] or null; `accumulate` is about these two
void layer_norm_backward(std::int64_t rows, std::int64_t columns, const float* x,
                         const float* gamma, const float* mean, const float* rstd, const float* dy,
                         float* dx, float* dgamma, float* dbeta, Accumulate accumulate);

/// Batch normalisation over all rows, for each channel: x [rows, channels] (images: rows = n h w).
/// Normalises by the mean and biased variance of this batch.
/// @param mean,variance [channels]: of this batch, biased; saved for backward and for running
/// statistics
void batch_norm_forward(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                        const float* gamma, const float* beta, float* y, float* mean,
                        float* variance);
/// @param dx may be dy
/// @param dgamma,dbeta [channels] or null; `accumulate` is about these two
void batch_norm_backward(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                         const float* gamma, const float* mean, const float* variance,
                         const float* dy, float* dx, float* dgamma, float* dbeta,
                         Accumulate accumulate);

/// The same with given (running) statistics: evaluation.
void batch_norm_inference(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                          const float* gamma, const float* beta, const float* mean,
                          const float* variance, float* y);
/// Backward through given statistics, which count as constants.
void batch_norm_inference_backward(std::int64_t rows, std::int64_t channels, float epsilon,
                                   const float* x, const float* gamma, const float* mean,
                                   const float* variance, const float* dy, float* dx, float* dgamma,
                                   float* dbeta, Accumulate accumulate);

}  // namespace raven::kernels
