#include "raven/tensor/kernels/norm.hpp"

#include <cmath>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/column_sums.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/norm.cpp"
#include "hwy/foreach_target.h"
#include "tensor/column_sums-inl.hpp"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

void LayerNormRow(std::size_t columns, float epsilon, const float* x, const float* gamma,
                  const float* beta, float* y, float* mean, float* rstd) {
  const auto count = static_cast<double>(columns);
  const double middle =
      sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR { return io.load(x + i); }) / count;
  *mean = static_cast<float>(middle);
  const V center = splat(*mean);
  const double variance = sum_of(columns,
                                 [=](auto io, std::size_t i) HWY_ATTR {
                                   const V d = Sub(io.load(x + i), center);
                                   return io.only(Mul(d, d));
                                 }) /
                          count;
  *rstd = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
  const V factor = splat(*rstd);
  for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
    V value = Mul(Sub(io.load(x + i), center), factor);
    if (gamma != nullptr) value = Mul(value, io.load(gamma + i));
    if (beta != nullptr) value = Add(value, io.load(beta + i));
    io.store(value, y + i);
  });
}

/// dx = rstd (h - mean(h) - xhat mean(h xhat)) with h = dy gamma.
void LayerNormBackwardRow(std::size_t columns, const float* x, const float* gamma, float mean,
                          float rstd, const float* dy, float* dx) {
  const V center = splat(mean);
  const V factor = splat(rstd);
  const auto weighted = [=](auto io, std::size_t i) HWY_ATTR {
    const V gradient = io.load(dy + i);
    return gamma == nullptr ? gradient : Mul(gradient, io.load(gamma + i));
  };
  const auto normal = [=](auto io, std::size_t i)
                          HWY_ATTR { return Mul(Sub(io.load(x + i), center), factor); };
  const auto count = static_cast<double>(columns);
  const double h_mean = sum_of(columns, weighted) / count;
  const double hx_mean =
      sum_of(columns,
             [=](auto io, std::size_t i) HWY_ATTR { return Mul(weighted(io, i), normal(io, i)); }) /
      count;
  const V shift = splat(static_cast<float>(h_mean));
  const V tilt = splat(static_cast<float>(hx_mean));
  for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V straight = Sub(weighted(io, i), shift);
    io.store(Mul(factor, NegMulAdd(normal(io, i), tilt, straight)), dx + i);
  });
}

/// Column sums of dy (x - mean[row]) rstd[row] and of dy. Up to 64 rows are added in float, those
/// sums in double.
void LayerNormParameterSums(std::size_t rows, std::size_t columns, std::size_t stride,
                            const float* x, const float* mean, const float* rstd, const float* dy,
                            double* dgamma, double* dbeta) {
  constexpr std::size_t chunk = 64;
  for (std::size_t top = 0; top < rows; top += chunk) {
    const std::size_t bottom = rows - top < chunk ? rows : top + chunk;
    for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
      V gamma_sum = zero();
      V beta_sum = zero();
      for (std::size_t row = top; row < bottom; ++row) {
        const std::size_t at = row * stride + i;
        const V gradient = io.load(dy + at);
        const V normal = Mul(Sub(io.load(x + at), splat(mean[row])), splat(rstd[row]));
        gamma_sum = MulAdd(gradient, normal, gamma_sum);
        beta_sum = Add(beta_sum, gradient);
      }
      add_lanes(gamma_sum, io.lanes(), dgamma + i);
      add_lanes(beta_sum, io.lanes(), dbeta + i);
    });
  }
}

void ColumnTotals(std::size_t rows, std::size_t columns, std::size_t stride, const float* x,
                  double* sums) {
  add_rows(rows, columns, stride, sums,
           [=](auto io, std::size_t at, std::size_t) HWY_ATTR { return io.load(x + at); });
}

void ColumnSquares(std::size_t rows, std::size_t columns, std::size_t stride, const float* x,
                   const float* mean, double* sums) {
  add_rows(rows, columns, stride, sums, [=](auto io, std::size_t at, std::size_t i) HWY_ATTR {
    const V d = Sub(io.load(x + at), io.load(mean + i));
    return Mul(d, d);
  });
}

void ColumnProducts(std::size_t rows, std::size_t columns, std::size_t stride, const float* x,
                    const float* mean, const float* dy, double* sums) {
  add_rows(rows, columns, stride, sums, [=](auto io, std::size_t at, std::size_t i) HWY_ATTR {
    return Mul(io.load(dy + at), Sub(io.load(x + at), io.load(mean + i)));
  });
}

/// y = (x - center) factor + offset, column by column.
void ScaleColumns(std::size_t rows, std::size_t columns, const float* x, const float* center,
                  const float* factor, const float* offset, float* y) {
  for (std::size_t row = 0; row < rows; ++row, x += columns, y += columns) {
    for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
      const V centered = Sub(io.load(x + i), io.load(center + i));
      io.store(MulAdd(centered, io.load(factor + i), io.load(offset + i)), y + i);
    });
  }
}

/// dx = factor (dy - shift - (x - mean) tilt), column by column.
void BatchNormBackwardRows(std::size_t rows, std::size_t columns, const float* x, const float* mean,
                           const float* factor, const float* shift, const float* tilt,
                           const float* dy, float* dx) {
  for (std::size_t row = 0; row < rows; ++row, x += columns, dy += columns, dx += columns) {
    for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
      const V centered = Sub(io.load(x + i), io.load(mean + i));
      const V straight = Sub(io.load(dy + i), io.load(shift + i));
      io.store(Mul(io.load(factor + i), NegMulAdd(centered, io.load(tilt + i), straight)), dx + i);
    });
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(LayerNormRow);
HWY_EXPORT(LayerNormBackwardRow);
HWY_EXPORT(LayerNormParameterSums);
HWY_EXPORT(ColumnTotals);
HWY_EXPORT(ColumnSquares);
HWY_EXPORT(ColumnProducts);
HWY_EXPORT(ScaleColumns);
HWY_EXPORT(BatchNormBackwardRows);

namespace kernels {
namespace {

double as_double(float value) { return static_cast<double>(value); }

void put_gradient(float* gradient, std::int64_t at, double sum, Accumulate accumulate) {
  if (gradient == nullptr) return;
  const auto value = static_cast<float>(sum);
  gradient[at] = accumulate == Accumulate::yes ? gradient[at] + value : value;
}

double reciprocal_deviation(float variance, float epsilon) {
  return 1.0 / std::sqrt(as_double(variance) + as_double(epsilon));
}

}  // namespace

void layer_norm_forward(std::int64_t rows, std::int64_t columns, float epsilon, const float* x,
                        const float* gamma, const float* beta, float* y, float* mean, float* rstd) {
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      HWY_DYNAMIC_DISPATCH(LayerNormRow)
      (as_size(columns), epsilon, x + r * columns, gamma, beta, y + r * columns, mean + r,
       rstd + r);
    }
  });
}

void layer_norm_backward(std::int64_t rows, std::int64_t columns, const float* x,
                         const float* gamma, const float* mean, const float* rstd, const float* dy,
                         float* dx, float* dgamma, float* dbeta, Accumulate accumulate) {
  // The parameters first: dx may overwrite dy.
  if (dgamma != nullptr || dbeta != nullptr) {
    column_sums(
        rows, columns, 2,
        [&](const MatrixBlock& block, double* sums, std::int64_t stride) {
          const std::int64_t at = block.row * columns + block.column;
          HWY_DYNAMIC_DISPATCH(LayerNormParameterSums)
          (as_size(block.rows), as_size(block.columns), as_size(columns), x + at, mean + block.row,
           rstd + block.row, dy + at, sums, sums + stride);
        },
        [&](std::int64_t column, const double* sums) {
          put_gradient(dgamma, column, sums[0], accumulate);
          put_gradient(dbeta, column, sums[1], accumulate);
        });
  }
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t at = r * columns;
      HWY_DYNAMIC_DISPATCH(LayerNormBackwardRow)
      (as_size(columns), x + at, gamma, mean[r], rstd[r], dy + at, dx + at);
    }
  });
}

void batch_norm_forward(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                        const float* gamma, const float* beta, float* y, float* mean,
                        float* variance) {
  expects(rows > 0, "batch statistics are of at least one row");
  const auto count = static_cast<double>(rows);
  column_sums(
      rows, channels, 1,
      [&](const MatrixBlock& block, double* sums, std::int64_t) {
        HWY_DYNAMIC_DISPATCH(ColumnTotals)
        (as_size(block.rows), as_size(block.columns), as_size(channels),
         x + block.row * channels + block.column, sums);
      },
      [&](std::int64_t c, const double* sums) { mean[c] = static_cast<float>(sums[0] / count); });
  column_sums(
      rows, channels, 1,
      [&](const MatrixBlock& block, double* sums, std::int64_t) {
        HWY_DYNAMIC_DISPATCH(ColumnSquares)
        (as_size(block.rows), as_size(block.columns), as_size(channels),
         x + block.row * channels + block.column, mean + block.column, sums);
      },
      [&](std::int64_t c, const double* sums) {
        variance[c] = static_cast<float>(sums[0] / count);
      });
  batch_norm_inference(rows, channels, epsilon, x, gamma, beta, mean, variance, y);
}

void batch_norm_inference(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                          const float* gamma, const float* beta, const float* mean,
                          const float* variance, float* y) {
  const Scratch scratch(as_size(2 * channels));
  float* factor = scratch.data();
  float* offset = factor + channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    const double weight = gamma == nullptr ? 1.0 : as_double(gamma[c]);
    factor[c] = static_cast<float>(weight * reciprocal_deviation(variance[c], epsilon));
    offset[c] = beta == nullptr ? 0.0F : beta[c];
  }
  parallel_ranges(rows, rows_grain(channels), [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(ScaleColumns)
    (as_size(last - first), as_size(channels), x + first * channels, mean, factor, offset,
     y + first * channels);
  });
}

namespace {

/// Sums of dy (x - mean) and dy, put as gradients of gamma and beta and, times what dx needs, into
/// tilt and shift.
void batch_norm_sums(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                     const float* mean, const float* variance, const float* dy, float* dgamma,
                     float* dbeta, Accumulate accumulate, float* shift, float* tilt) {
  column_sums(
      rows, channels, 2,
      [&](const MatrixBlock& block, double* sums, std::int64_t stride) {
        const std::int64_t at = block.row * channels + block.column;
        const auto height = as_size(block.rows);
        const auto width = as_size(block.columns);
        HWY_DYNAMIC_DISPATCH(ColumnProducts)
        (height, width, as_size(channels), x + at, mean + block.column, dy + at, sums);
        HWY_DYNAMIC_DISPATCH(ColumnTotals)
        (height, width, as_size(channels), dy + at, sums + stride);
      },
      [&](std::int64_t c, const double* sums) {
        const double rstd = reciprocal_deviation(variance[c], epsilon);
        put_gradient(dgamma, c, sums[0] * rstd, accumulate);
        put_gradient(dbeta, c, sums[1], accumulate);
        if (shift == nullptr) return;
        const auto count = static_cast<double>(rows);
        shift[c] = static_cast<float>(sums[1] / count);
        tilt[c] = static_cast<float>(sums[0] * rstd * rstd / count);
      });
}

}  // namespace

void batch_norm_backward(std::int64_t rows, std::int64_t channels, float epsilon, const float* x,
                         const float* gamma, const float* mean, const float* variance,
                         const float* dy, float* dx, float* dgamma, float* dbeta,
                         Accumulate accumulate) {
  const Scratch scratch(as_size(3 * channels));
  float* factor = scratch.data();
  float* shift = factor + channels;
  float* tilt = shift + channels;
  batch_norm_sums(rows, channels, epsilon, x, mean, variance, dy, dgamma, dbeta, accumulate, shift,
                  tilt);
  for (std::int64_t c = 0; c < channels; ++c) {
    const double weight = gamma == nullptr ? 1.0 : as_double(gamma[c]);
    factor[c] = static_cast<float>(weight * reciprocal_deviation(variance[c], epsilon));
  }
  parallel_ranges(rows, rows_grain(channels), [&](std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * channels;
    HWY_DYNAMIC_DISPATCH(BatchNormBackwardRows)
    (as_size(last - first), as_size(channels), x + at, mean, factor, shift, tilt, dy + at, dx + at);
  });
}

void batch_norm_inference_backward(std::int64_t rows, std::int64_t channels, float epsilon,
                                   const float* x, const float* gamma, const float* mean,
                                   const float* variance, const float* dy, float* dx, float* dgamma,
                                   float* dbeta, Accumulate accumulate) {
  if (dgamma != nullptr || dbeta != nullptr) {
    batch_norm_sums(rows, channels, epsilon, x, mean, variance, dy, dgamma, dbeta, accumulate,
                    nullptr, nullptr);
  }
  const Scratch scratch(as_size(2 * channels));
  float* factor = scratch.data();
  float* nothing = factor + channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    const double weight = gamma == nullptr ? 1.0 : as_double(gamma[c]);
    factor[c] = static_cast<float>(weight * reciprocal_deviation(variance[c], epsilon));
    nothing[c] = 0.0F;
  }
  parallel_ranges(rows, rows_grain(channels), [&](std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * channels;
    HWY_DYNAMIC_DISPATCH(ScaleColumns)
    (as_size(last - first), as_size(channels), dy + at, nothing, factor, nothing, dx + at);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
