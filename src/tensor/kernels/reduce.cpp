#include "raven/tensor/kernels/reduce.hpp"

#include <algorithm>
#include <atomic>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/column_sums.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/reduce.cpp"
#include "hwy/foreach_target.h"
#include "tensor/column_sums-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

/// Sum of a[i], or of a[i] b[i] unless b is null. Products are exact in double.
double SumRange(std::size_t count, const float* a, const float* b) {
  if (b == nullptr) {
    return sum_of(count, [=](auto io, std::size_t i) HWY_ATTR { return io.load(a + i); });
  }
  DoubleVector low = hn::Zero(Doubles());
  DoubleVector high = hn::Zero(Doubles());
  for_vectors(count, [&](auto io, std::size_t i) HWY_ATTR {
    const FloatVector u = io.load(a + i);
    const FloatVector v = io.load(b + i);
    low = hn::MulAdd(low_doubles(u), low_doubles(v), low);
    high = hn::MulAdd(high_doubles(u), high_doubles(v), high);
  });
  return hn::GetLane(hn::SumOfLanes(Doubles(), hn::Add(low, high)));
}

/// x - x is 0 of a number and NaN of anything else.
bool FiniteRange(std::size_t count, const float* x) {
  FloatVector rest = hn::Zero(Floats());
  for_vectors(count, [=, &rest](auto io, std::size_t i) HWY_ATTR {
    const FloatVector value = io.load(x + i);
    rest = hn::Or(rest, hn::Sub(value, value));
  });
  return hn::AllTrue(Floats(), hn::Eq(rest, hn::Zero(Floats())));
}

void ColumnSumBlock(std::size_t rows, std::size_t columns, std::size_t stride, const float* a,
                    const float* b, double* sums) {
  if (b == nullptr) {
    add_rows(rows, columns, stride, sums,
             [=](auto io, std::size_t at, std::size_t) HWY_ATTR { return io.load(a + at); });
  } else {
    add_rows(rows, columns, stride, sums, [=](auto io, std::size_t at, std::size_t) HWY_ATTR {
      return hn::Mul(io.load(a + at), io.load(b + at));
    });
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(SumRange);
HWY_EXPORT(FiniteRange);
HWY_EXPORT(ColumnSumBlock);

namespace kernels {
namespace {

double sum_products(std::int64_t count, const float* a, const float* b) {
  const std::int64_t blocks = (count + elementwise_grain - 1) / elementwise_grain;
  const Scratch scratch(as_size(blocks) * sizeof(double) / sizeof(float));
  auto* const partial = reinterpret_cast<double*>(scratch.data());
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    partial[first / elementwise_grain] = HWY_DYNAMIC_DISPATCH(SumRange)(
        as_size(last - first), a + first, b == nullptr ? nullptr : b + first);
  });
  double total = 0;
  for (std::int64_t block = 0; block < blocks; ++block) total += partial[block];
  return total;
}

void sum_columns(std::int64_t rows, std::int64_t columns, const float* a, const float* b,
                 float factor, float* out, Accumulate accumulate) {
  column_sums(
      rows, columns, 1,
      [&](const MatrixBlock& block, double* sums, std::int64_t) {
        const std::int64_t at = block.row * columns + block.column;
        HWY_DYNAMIC_DISPATCH(ColumnSumBlock)
        (as_size(block.rows), as_size(block.columns), as_size(columns), a + at,
         b == nullptr ? nullptr : b + at, sums);
      },
      [&](std::int64_t column, const double* sums) {
        const auto total = static_cast<float>(sums[0] * static_cast<double>(factor));
        out[column] = accumulate == Accumulate::yes ? out[column] + total : total;
      });
}

void sum_rows(std::int64_t rows, std::int64_t columns, const float* a, const float* b, float factor,
              float* out) {
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const double total = HWY_DYNAMIC_DISPATCH(SumRange)(
          as_size(columns), a + row * columns, b == nullptr ? nullptr : b + row * columns);
      out[row] = static_cast<float>(total * static_cast<double>(factor));
    }
  });
}

}  // namespace

double sum(std::int64_t count, const float* x) { return sum_products(count, x, nullptr); }
double sum_of_squares(std::int64_t count, const float* x) { return sum_products(count, x, x); }
double dot(std::int64_t count, const float* a, const float* b) { return sum_products(count, a, b); }

bool all_finite(std::int64_t count, const float* x) {
  std::atomic<bool> all = true;
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    if (!HWY_DYNAMIC_DISPATCH(FiniteRange)(as_size(last - first), x + first)) {
      all.store(false, std::memory_order_relaxed);
    }
  });
  return all.load(std::memory_order_relaxed);
}

void column_sum(std::int64_t rows, std::int64_t columns, const float* x, float* out,
                Accumulate accumulate) {
  sum_columns(rows, columns, x, nullptr, 1.0F, out, accumulate);
}
void column_dot(std::int64_t rows, std::int64_t columns, const float* a, const float* b, float* out,
                Accumulate accumulate) {
  sum_columns(rows, columns, a, b, 1.0F, out, accumulate);
}
void row_sum(std::int64_t rows, std::int64_t columns, const float* x, float* out) {
  sum_rows(rows, columns, x, nullptr, 1.0F, out);
}
void row_dot(std::int64_t rows, std::int64_t columns, const float* a, const float* b, float* out) {
  sum_rows(rows, columns, a, b, 1.0F, out);
}

void axis_sum(std::int64_t outer, std::int64_t length, std::int64_t inner, float factor,
              const float* x, float* out) {
  if (inner == 1) {
    sum_rows(outer, length, x, nullptr, factor, out);
    return;
  }
  parallel_for(outer, [&](std::int64_t o) {
    sum_columns(length, inner, x + o * length * inner, nullptr, factor, out + o * inner,
                Accumulate::no);
  });
}

void axis_sum_backward(std::int64_t outer, std::int64_t length, std::int64_t inner, float factor,
                       const float* dy, float* dx, Accumulate accumulate) {
  const std::int64_t slab = length * inner;
  parallel_ranges(outer, rows_grain(slab), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t o = first; o < last; ++o) {
      for (std::int64_t l = 0; l < length; ++l) {
        float* target = dx + o * slab + l * inner;
        for (std::int64_t i = 0; i < inner; ++i) {
          const float gradient = factor * dy[o * inner + i];
          target[i] = accumulate == Accumulate::yes ? target[i] + gradient : gradient;
        }
      }
    }
  });
}

void row_argmax(std::int64_t rows, std::int64_t columns, const float* x, std::int32_t* out) {
  expects(columns > 0, "the largest of at least one value");
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* values = x + row * columns;
    out[row] = static_cast<std::int32_t>(std::max_element(values, values + columns) - values);
  }
}

}  // namespace kernels
}  // namespace raven
#endif
