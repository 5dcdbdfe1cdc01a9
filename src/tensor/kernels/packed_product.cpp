#include "tensor/kernels/packed_product.hpp"

#include <algorithm>

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/packed_product.cpp"
#include "hwy/foreach_target.h"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using kernels::Accumulate;
using kernels::ConstMatrix;
using kernels::LeftMatrix;
using kernels::Matrix;
using kernels::PackedRight;
using kernels::Transpose;

// A tile keeps rows x 2 vectors of sums in registers: 12 of AVX2's 16, 24 of AVX-512's 32.
#if HWY_TARGET == HWY_AVX3
constexpr int most_rows = 12;
#else
constexpr int most_rows = 6;
#endif

/// Columns of a block of the right side.
HWY_INLINE std::int64_t block_columns() {
  return static_cast<std::int64_t>(2 * hn::Lanes(Floats()));
}
std::int64_t PackedBlock() { return block_columns(); }
bool PackedPays() { return HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3; }

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void turn_square(const float*, std::int64_t, float*, std::int64_t) {}
constexpr std::int64_t square = 0;
#else
constexpr std::int64_t square = 4;

/// Four rows of four as four columns.
HWY_INLINE void turn_square(const float* from, std::int64_t from_row, float* to,
                            std::int64_t to_row) {
  const hn::Full128<float> d;
  const hn::Repartition<double, decltype(d)> wide;
  const auto a = hn::LoadU(d, from);
  const auto b = hn::LoadU(d, from + from_row);
  const auto c = hn::LoadU(d, from + 2 * from_row);
  const auto e = hn::LoadU(d, from + 3 * from_row);
  const auto ab_low = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(wide, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_low, ce_low)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_low, ce_low)), d, to + to_row);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_high, ce_high)), d, to + 2 * to_row);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_high, ce_high)), d, to + 3 * to_row);
}
#endif

/// to[i * to_row + j] = from[j * from_row + i] for i in [0, k), j in [0, columns).
HWY_INLINE void turn_columns(std::int64_t k, std::int64_t columns, const float* from,
                             std::int64_t from_row, float* to, std::int64_t to_row) {
  const std::int64_t even_k = square == 0 ? 0 : k / square * square;
  const std::int64_t even_columns = square == 0 ? 0 : columns / square * square;
  for (std::int64_t j = 0; j < even_columns; j += square) {
    for (std::int64_t i = 0; i < even_k; i += square) {
      turn_square(from + j * from_row + i, from_row, to + i * to_row + j, to_row);
    }
  }
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t i = j < even_columns ? even_k : 0; i < k; ++i) {
      to[i * to_row + j] = from[j * from_row + i];
    }
  }
}

/// [blocks][k][block width], with zeros in the columns that are not there.
void PackRight(Transpose is, std::int64_t k, std::int64_t n, ConstMatrix b, float* packed) {
  const std::int64_t width = block_columns();
  for (std::int64_t column = 0; column < n; column += width) {
    const std::int64_t here = std::min(width, n - column);
    float* const block = packed + column * k;
    if (here < width) std::fill_n(block, k * width, 0.0F);
    if (is == Transpose::no) {
      for (std::int64_t i = 0; i < k; ++i) {
        std::copy_n(b.data + i * b.stride + column, here, block + i * width);
      }
    } else {
      turn_columns(k, here, b.data + column * b.stride, b.stride, block, width);
    }
  }
}

struct PackedTile {
  std::int64_t count;  ///< of k
  const float* a;
  std::int64_t a_row;
  std::int64_t a_step;
  const float* block;
  float* c;
  std::int64_t c_row;

  template <int rows, class LowIo, class HighIo>
  HWY_INLINE void run(LowIo low_io, HighIo high_io, Accumulate accumulate) const {
    const Floats d;
    const std::size_t lanes = hn::Lanes(d);
    V low[rows];
    V high[rows];
    for (int r = 0; r < rows; ++r) low[r] = high[r] = zero();
    const float* left = a;
    const float* right = block;
    for (std::int64_t i = 0; i < count; ++i, left += a_step, right += 2 * lanes) {
      const V b_low = hn::LoadU(d, right);
      const V b_high = hn::LoadU(d, right + lanes);
      for (int r = 0; r < rows; ++r) {
        const V value = hn::Set(d, left[r * a_row]);
        low[r] = MulAdd(value, b_low, low[r]);
        high[r] = MulAdd(value, b_high, high[r]);
      }
    }
    for (int r = 0; r < rows; ++r) {
      float* const to = c + r * c_row;
      if (accumulate == Accumulate::yes) {
        low[r] = Add(low[r], low_io.load(to));
        high[r] = Add(high[r], high_io.load(to + lanes));
      }
      low_io.store(low[r], to);
      high_io.store(high[r], to + lanes);
    }
  }
};

/// The same of a block of which one vector of columns or less is there.
struct NarrowTile {
  const PackedTile& tile;

  template <int rows, class Io>
  HWY_INLINE void run(Io io, Accumulate accumulate) const {
    const Floats d;
    const std::size_t width = 2 * hn::Lanes(d);
    V sums[rows];
    for (int r = 0; r < rows; ++r) sums[r] = zero();
    const float* left = tile.a;
    const float* right = tile.block;
    for (std::int64_t i = 0; i < tile.count; ++i, left += tile.a_step, right += width) {
      const V b = hn::LoadU(d, right);
      for (int r = 0; r < rows; ++r) {
        sums[r] = MulAdd(hn::Set(d, left[r * tile.a_row]), b, sums[r]);
      }
    }
    for (int r = 0; r < rows; ++r) {
      float* const to = tile.c + r * tile.c_row;
      if (accumulate == Accumulate::yes) sums[r] = Add(sums[r], io.load(to));
      io.store(sums[r], to);
    }
  }
};

/// Calls run<rows>() for a row count known only now.
template <int rows>
HWY_INLINE void run_tile(std::int64_t wanted, std::int64_t columns, const PackedTile& tile,
                         Accumulate accumulate) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(Floats()));
  if (wanted != rows) {
    if constexpr (rows > 1) run_tile<rows - 1>(wanted, columns, tile, accumulate);
  } else if (columns >= 2 * lanes) {
    tile.run<rows>(WholeVector(), WholeVector(), accumulate);
  } else if (columns > lanes) {
    tile.run<rows>(WholeVector(), PartOfVector{as_size(columns - lanes)}, accumulate);
  } else if (columns == lanes) {
    NarrowTile{tile}.run<rows>(WholeVector(), accumulate);
  } else {
    NarrowTile{tile}.run<rows>(PartOfVector{as_size(columns)}, accumulate);
  }
}

void PackedProduct(std::int64_t rows, const LeftMatrix& a, const PackedRight& b, const Matrix& c,
                   Accumulate accumulate) {
  const std::int64_t width = block_columns();
  // Tiles of nearly equal height: a short last one would leave the units waiting for its few sums.
  const std::int64_t tiles = (rows + most_rows - 1) / most_rows;
  for (std::int64_t column = 0; column < b.columns; column += width) {
    const float* const block = b.packed + column * b.k + b.first * width;
    std::int64_t row = 0;
    for (std::int64_t i = 0; i < tiles; ++i) {
      const std::int64_t height = rows / tiles + (i < rows % tiles ? 1 : 0);
      run_tile<most_rows>(height, b.columns - column,
                          {b.last - b.first, a.data + row * a.row, a.row, a.step, block,
                           c.data + row * c.stride + column, c.stride},
                          accumulate);
      row += height;
    }
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(PackedBlock);
HWY_EXPORT(PackedPays);
HWY_EXPORT(PackRight);
HWY_EXPORT(PackedProduct);

namespace kernels {

bool packed_products_pay() { return HWY_DYNAMIC_DISPATCH(PackedPays)(); }

std::int64_t packed_floats(std::int64_t k, std::int64_t n) {
  const std::int64_t width = HWY_DYNAMIC_DISPATCH(PackedBlock)();
  return (n + width - 1) / width * width * k;
}

void pack_right(Transpose is, std::int64_t k, std::int64_t n, ConstMatrix b, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackRight)(is, k, n, b, packed);
}

void packed_product(std::int64_t rows, LeftMatrix a, const PackedRight& b, Matrix c,
                    Accumulate accumulate) {
  HWY_DYNAMIC_DISPATCH(PackedProduct)(rows, a, b, c, accumulate);
}

bool SharedRight::laid_out() const { return rows_ <= 256 && packed_products_pay(); }

SharedRight::SharedRight(Transpose is, std::int64_t k, std::int64_t n, ConstMatrix b,
                         std::int64_t rows)
    : is_(is),
      k_(k),
      n_(n),
      b_(b),
      rows_(rows),
      packed_(laid_out() ? as_size(packed_floats(k, n)) : 0) {
  if (laid_out()) pack_right(is, k, n, b, packed_.data());
}

void SharedRight::product(ConstMatrix a, Matrix c, Accumulate accumulate) const {
  if (!laid_out()) {
    gemm(Transpose::no, is_, rows_, n_, k_, a, b_, c, accumulate);
    return;
  }
  constexpr std::int64_t task = 1 << 20;  // multiply-adds that hide a task's cost
  const std::int64_t width = HWY_DYNAMIC_DISPATCH(PackedBlock)();
  const std::int64_t blocks = (n_ + width - 1) / width;
  const std::int64_t work = std::max<std::int64_t>(1, rows_ * width * k_);
  const std::int64_t together = std::max<std::int64_t>(1, task / work);
  parallel_ranges(blocks, together, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t column = first * width;
    const PackedRight part{packed_.data() + column * k_, k_, 0, k_,
                           std::min(last * width, n_) - column};
    packed_product(rows_, {a.data, a.stride, 1}, part, {c.data + column, c.stride}, accumulate);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
