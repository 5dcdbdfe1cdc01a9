#include "tensor/kernels/rows_gemm.hpp"

#include <algorithm>

#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/rows_gemm.cpp"
#include "hwy/foreach_target.h"
#include "tensor/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using kernels::Operands;

/// One vector of columns of one row.
template <class Io>
HWY_INLINE void single(const Operands& on, Io io) {
  FloatVector sum = on.add ? io.load(on.c) : hn::Zero(Floats());
  for (std::size_t i = 0; i < on.k; ++i) {
    sum = hn::MulAdd(splat(on.a[i]), io.load(on.b + i * on.b_stride), sum);
  }
  io.store(sum, on.c);
}

#if HWY_HAVE_SCALABLE
// Vectors without a size can't be elements of an array.
constexpr std::size_t tile_rows = 1;
constexpr std::size_t tile_vectors = 1;
template <std::size_t rows, std::size_t vectors>
HWY_INLINE void tile(const Operands& on) {
  single(on, WholeVector());
}
#else
/// As many sums as there are registers for: 24 of 32, or 12 of 16.
constexpr std::size_t tile_rows = 6;
constexpr std::size_t tile_vectors = HWY_MAX_BYTES >= 64 ? 4 : 2;
template <std::size_t rows, std::size_t vectors>
HWY_INLINE void tile(const Operands& on) {
  const std::size_t lanes = hn::Lanes(Floats());
  FloatVector sums[rows][vectors];
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < vectors; ++v) {
      sums[r][v] =
          on.add ? hn::LoadU(Floats(), on.c + r * on.c_stride + v * lanes) : hn::Zero(Floats());
    }
  }
  const float* b = on.b;
  for (std::size_t i = 0; i < on.k; ++i, b += on.b_stride) {
    FloatVector row[vectors];
    for (std::size_t v = 0; v < vectors; ++v) row[v] = hn::LoadU(Floats(), b + v * lanes);
    for (std::size_t r = 0; r < rows; ++r) {
      const FloatVector factor = splat(on.a[r * on.a_stride + i]);
      for (std::size_t v = 0; v < vectors; ++v) {
        sums[r][v] = hn::MulAdd(factor, row[v], sums[r][v]);
      }
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < vectors; ++v) {
      hn::StoreU(sums[r][v], Floats(), on.c + r * on.c_stride + v * lanes);
    }
  }
}
#endif

template <std::size_t rows>
HWY_INLINE Operands below(Operands on) {
  on.a += rows * on.a_stride;
  on.c += rows * on.c_stride;
  return on;
}

/// All rows of some vectors of columns.
template <std::size_t vectors>
HWY_INLINE void column(std::size_t m, Operands on) {
  for (; m >= tile_rows; m -= tile_rows) {
    tile<tile_rows, vectors>(on);
    on = below<tile_rows>(on);
  }
  if constexpr (tile_rows > 1) {
    if ((m & 4U) != 0) {
      tile<4, vectors>(on);
      on = below<4>(on);
    }
    if ((m & 2U) != 0) {
      tile<2, vectors>(on);
      on = below<2>(on);
    }
    if ((m & 1U) != 0) tile<1, vectors>(on);
  }
}

void RowsGemm(std::size_t m, std::size_t n, Operands on) {
  const std::size_t lanes = hn::Lanes(Floats());
  const auto step = [&](std::size_t columns) {
    on.b += columns;
    on.c += columns;
    n -= columns;
  };
  while (n >= tile_vectors * lanes) {
    column<tile_vectors>(m, on);
    step(tile_vectors * lanes);
  }
  while (n >= lanes) {
    column<1>(m, on);
    step(lanes);
  }
  if (n == 0) return;
  for (; m > 0; --m) {
    single(on, PartOfVector{n});
    on = below<1>(on);
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(RowsGemm);

namespace kernels {

void rows_gemm(std::int64_t m, std::int64_t n, std::int64_t k, ConstMatrix a, ConstMatrix b,
               Matrix c, Accumulate accumulate) {
  if (m == 0 || n == 0) return;
  HWY_DYNAMIC_DISPATCH(RowsGemm)
  (as_size(m), as_size(n),
   {as_size(k), a.data, as_size(a.stride), b.data, as_size(b.stride), c.data, as_size(c.stride),
    accumulate == Accumulate::yes});
}

void transpose(std::int64_t rows, std::int64_t columns, const float* from, float* to) {
  constexpr std::int64_t block = 16;  // both sides of a block stay in cache
  for (std::int64_t row = 0; row < rows; row += block) {
    for (std::int64_t column = 0; column < columns; column += block) {
      for (std::int64_t r = row; r < std::min(rows, row + block); ++r) {
        for (std::int64_t c = column; c < std::min(columns, column + block); ++c) {
          to[c * rows + r] = from[r * columns + c];
        }
      }
    }
  }
}

}  // namespace kernels
}  // namespace raven
#endif
