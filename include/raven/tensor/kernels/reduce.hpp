#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

// All sums run in an order fixed by the shape, with double or blocked accumulators.

[[nodiscard]] double sum(std::int64_t count, const float* x);
[[nodiscard]] double sum_of_squares(std::int64_t count, const float* x);
[[nodiscard]] double dot(std::int64_t count, const float* a, const float* b);

/// Whether every element is a number, neither infinite nor none.
[[nodiscard]] bool all_finite(std::int64_t count, const float* x);

/// out[c] (+)= sum over rows of x[r, c]
void column_sum(std::int64_t rows, std::int64_t columns, const float* x, float* out,
                Accumulate accumulate = Accumulate::no);
/// out[c] (+)= sum over rows of a[r, c] b[r, c]
void column_dot(std::int64_t rows, std::int64_t columns, const float* a, const float* b, float* out,
                Accumulate accumulate = Accumulate::no);
/// out[r] = sum over columns of x[r, c]
void row_sum(std::int64_t rows, std::int64_t columns, const float* x, float* out);
/// out[r] = sum over columns of a[r, c] b[r, c]
void row_dot(std::int64_t rows, std::int64_t columns, const float* a, const float* b, float* out);

/// x [outer, length, inner] -> out [outer, inner], times `factor` (1 for a sum, 1 / length for a
/// mean). Any axis of any tensor has this form.
void axis_sum(std::int64_t outer, std::int64_t length, std::int64_t inner, float factor,
              const float* x, float* out);
/// Its gradient: dx[o, l, i] (+)= factor dy[o, i]
void axis_sum_backward(std::int64_t outer, std::int64_t length, std::int64_t inner, float factor,
                       const float* dy, float* dx, Accumulate accumulate = Accumulate::no);

/// out[r] = the first column with the largest value of its row.
void row_argmax(std::int64_t rows, std::int64_t columns, const float* x, std::int32_t* out);

}  // namespace raven::kernels
