#include <algorithm>
#include <array>
#include <cstring>

#include "raven/core/contract.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {

void copy_block(std::int64_t rows, std::int64_t columns, ConstMatrix from, Matrix to,
                Accumulate accumulate) {
  if (columns == 0) return;
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const float* source = from.data + row * from.stride;
      float* target = to.data + row * to.stride;
      if (accumulate == Accumulate::no) {
        std::memcpy(target, source, as_size(columns) * sizeof(float));
      } else {
        for (std::int64_t i = 0; i < columns; ++i) target[i] += source[i];
      }
    }
  });
}

void permute(std::int64_t rank, const std::int64_t* x_dims, const std::int64_t* order,
             const float* x, float* y) {
  constexpr std::size_t most = 6;
  expects(rank >= 0 && as_size(rank) <= most, "a tensor has at most six dimensions");
  std::array<std::int64_t, most> x_strides{};
  std::int64_t count = 1;
  for (std::int64_t axis = rank - 1; axis >= 0; --axis) {
    x_strides[as_size(axis)] = count;
    count *= x_dims[axis];
  }
  if (count == 0) return;
  if (rank == 0) {
    y[0] = x[0];
    return;
  }
  std::array<std::int64_t, most> dims{};
  std::array<std::int64_t, most> strides{};
  for (std::int64_t axis = 0; axis < rank; ++axis) {
    dims[as_size(axis)] = x_dims[order[axis]];
    strides[as_size(axis)] = x_strides[as_size(order[axis])];
  }
  const std::int64_t inner = dims[as_size(rank - 1)];
  const std::int64_t step = strides[as_size(rank - 1)];
  parallel_ranges(count / inner, rows_grain(inner), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t run = first; run < last; ++run) {
      std::int64_t rest = run;
      const float* source = x;
      for (std::int64_t axis = rank - 2; axis >= 0; --axis) {
        source += rest % dims[as_size(axis)] * strides[as_size(axis)];
        rest /= dims[as_size(axis)];
      }
      float* target = y + run * inner;
      if (step == 1) {
        std::memcpy(target, source, as_size(inner) * sizeof(float));
      } else {
        for (std::int64_t i = 0; i < inner; ++i) target[i] = source[i * step];
      }
    }
  });
}

}  // namespace raven::kernels
