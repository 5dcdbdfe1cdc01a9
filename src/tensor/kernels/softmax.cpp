#include "raven/tensor/kernels/softmax.hpp"

#include <algorithm>
#include <cmath>

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/softmax.cpp"
#include "hwy/foreach_target.h"
#include "tensor/row_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

void SoftmaxRows(std::size_t rows, std::size_t columns, const float* x, float* y) {
  for (std::size_t row = 0; row < rows; ++row, x += columns, y += columns) {
    const V highest = splat(row_max(columns, x));
    const double total = sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
      const V value = exp_of_negative(Sub(io.load(x + i), highest));
      io.store(value, y + i);
      return io.only(value);
    });
    const V factor = splat(static_cast<float>(1.0 / total));
    for_vectors(columns, [=](auto io, std::size_t i)
                             HWY_ATTR { io.store(Mul(io.load(y + i), factor), y + i); });
  }
}

void LogSoftmaxRows(std::size_t rows, std::size_t columns, const float* x, float* y) {
  for (std::size_t row = 0; row < rows; ++row, x += columns, y += columns) {
    const float highest = row_max(columns, x);
    const auto log_sum = static_cast<float>(std::log(sum_of_exp(columns, x, highest)));
    // Two steps: the maximum plus the logarithm would be rounded before it is subtracted.
    for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
      io.store(Sub(Sub(io.load(x + i), splat(highest)), splat(log_sum)), y + i);
    });
  }
}

void SoftmaxBackwardRows(std::size_t rows, std::size_t columns, const float* y, const float* dy,
                         float* dx, kernels::Accumulate accumulate) {
  for (std::size_t row = 0; row < rows; ++row, y += columns, dy += columns, dx += columns) {
    const V mean = splat(static_cast<float>(sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
      return Mul(io.load(y + i), io.load(dy + i));
    })));
    for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
      V gradient = Mul(io.load(y + i), Sub(io.load(dy + i), mean));
      if (accumulate == kernels::Accumulate::yes) gradient = Add(gradient, io.load(dx + i));
      io.store(gradient, dx + i);
    });
  }
}

void LogSoftmaxBackwardRows(std::size_t rows, std::size_t columns, const float* y, const float* dy,
                            float* dx, kernels::Accumulate accumulate) {
  for (std::size_t row = 0; row < rows; ++row, y += columns, dy += columns, dx += columns) {
    const V total = splat(static_cast<float>(
        sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR { return io.load(dy + i); })));
    for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
      V gradient = NegMulAdd(exp_of_negative(io.load(y + i)), total, io.load(dy + i));
      if (accumulate == kernels::Accumulate::yes) gradient = Add(gradient, io.load(dx + i));
      io.store(gradient, dx + i);
    });
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(SoftmaxRows);
HWY_EXPORT(LogSoftmaxRows);
HWY_EXPORT(SoftmaxBackwardRows);
HWY_EXPORT(LogSoftmaxBackwardRows);

namespace kernels {

void softmax_forward(std::int64_t rows, std::int64_t columns, const float* x, float* y) {
  if (columns == 0) return;
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(SoftmaxRows)
    (as_size(last - first), as_size(columns), x + first * columns, y + first * columns);
  });
}

void softmax_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* dy,
                      float* dx, Accumulate accumulate) {
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * columns;
    HWY_DYNAMIC_DISPATCH(SoftmaxBackwardRows)
    (as_size(last - first), as_size(columns), y + at, dy + at, dx + at, accumulate);
  });
}

void log_softmax_forward(std::int64_t rows, std::int64_t columns, const float* x, float* y) {
  if (columns == 0) return;
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(LogSoftmaxRows)
    (as_size(last - first), as_size(columns), x + first * columns, y + first * columns);
  });
}

void log_softmax_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* dy,
                          float* dx, Accumulate accumulate) {
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * columns;
    HWY_DYNAMIC_DISPATCH(LogSoftmaxBackwardRows)
    (as_size(last - first), as_size(columns), y + at, dy + at, dx + at, accumulate);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
