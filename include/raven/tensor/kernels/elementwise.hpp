#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

// Every output may be one of the inputs.

void add(std::int64_t count, const float* a, const float* b, float* out);
void sub(std::int64_t count, const float* a, const float* b, float* out);
void mul(std::int64_t count, const float* a, const float* b, float* out);
void div(std::int64_t count, const float* a, const float* b, float* out);
/// out += a b
void mul_add(std::int64_t count, const float* a, const float* b, float* out);
/// out += a
void add_into(std::int64_t count, const float* a, float* out);
/// out += factor a
void axpy(std::int64_t count, float factor, const float* a, float* out);
/// out = factor a
void scale(std::int64_t count, float factor, const float* a, float* out);
/// out = a + term
void add_scalar(std::int64_t count, float term, const float* a, float* out);

void negate(std::int64_t count, const float* x, float* y);
void exp(std::int64_t count, const float* x, float* y);
void log(std::int64_t count, const float* x, float* y);
void sqrt(std::int64_t count, const float* x, float* y);
void square(std::int64_t count, const float* x, float* y);
void abs(std::int64_t count, const float* x, float* y);
/// NaN stays NaN.
void clamp(std::int64_t count, float low, float high, const float* x, float* y);

// Derivatives that are not one of the products above (exp: mul(dy, y); log: div(dy, x)).

/// dx = dy / (2 y)
void sqrt_backward(std::int64_t count, const float* y, const float* dy, float* dx);
/// dx = 2 x dy
void square_backward(std::int64_t count, const float* x, const float* dy, float* dx);
/// dx = sign(x) dy; 0 where x is 0
void abs_backward(std::int64_t count, const float* x, const float* dy, float* dx);
/// dx = dy where low <= x <= high, else 0
void clamp_backward(std::int64_t count, float low, float high, const float* x, const float* dy,
                    float* dx);

// One operand is a row [columns] that serves all rows, or one number for each row.

/// y[r, c] = x[r, c] + row[c] (bias)
void add_row(std::int64_t rows, std::int64_t columns, const float* x, const float* row, float* y);
/// y[r, c] = x[r, c] row[c]
void mul_row(std::int64_t rows, std::int64_t columns, const float* x, const float* row, float* y);
/// y[r, c] = x[r, c] factor[r]
void scale_rows(std::int64_t rows, std::int64_t columns, const float* x, const float* factor,
                float* y);

// Moving data.

/// Copies a [rows, columns] block between matrices with row strides (slices, concatenation).
void copy_block(std::int64_t rows, std::int64_t columns, ConstMatrix from, Matrix to,
                Accumulate accumulate = Accumulate::no);
/// y = x with axes reordered: axis i of y is axis `order[i]` of x. @pre rank <= 6, y != x
void permute(std::int64_t rank, const std::int64_t* x_dims, const std::int64_t* order,
             const float* x, float* y);

}  // namespace raven::kernels
