#include "raven/tensor/kernels/gemm.hpp"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/blas.hpp"
#include "tensor/kernels/gemm_tiles.hpp"
#include "tensor/kernels/packed_product.hpp"

namespace raven {

void make_blas_serial() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace raven

namespace raven::kernels {
namespace {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Sizes of the tiles of an [m, n] result, by shape alone. OpenBLAS packs both operands of every
/// call, so a tile wants to be wide: below some 256 in one direction and 128 in the other packing
/// costs more than five per cent of the arithmetic. Above that, 64 tiles are enough for any node.
struct TileSize {
  std::int64_t rows;
  std::int64_t columns;
};

std::int64_t even_part(std::int64_t length, std::int64_t wanted) {
  // Multiples of 16 keep every part but the last on whole micro-kernels.
  const std::int64_t parts = ceil_div(length, wanted);
  return std::min(length, ceil_div(ceil_div(length, parts), 16) * 16);
}

TileSize tile_size(std::int64_t m, std::int64_t n) {
  const std::int64_t area = std::clamp<std::int64_t>(m * n / 64, 128 * 256, 512 * 512);
  const std::int64_t short_side = area > 256 * 256 ? 512 : 256;
  if (m <= n) {
    const std::int64_t rows = even_part(m, short_side);
    return {rows, even_part(n, std::max<std::int64_t>(256, area / rows))};
  }
  const std::int64_t columns = even_part(n, short_side);
  return {even_part(m, std::max<std::int64_t>(256, area / columns)), columns};
}

int blas_int(std::int64_t size) {
  expects(size <= std::numeric_limits<int>::max(), "a matrix side fits BLAS's integers");
  return static_cast<int>(size);
}

const float* element(ConstMatrix matrix, std::int64_t row, std::int64_t column) {
  return matrix.data + row * matrix.stride + column;
}

}  // namespace

void serial_gemm(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
                 ConstMatrix a, ConstMatrix b, Matrix c, Accumulate accumulate) {
  if (k == 0) {
    if (accumulate == Accumulate::yes) return;
    for (std::int64_t row = 0; row < m; ++row) std::fill_n(c.data + row * c.stride, n, 0.0F);
    return;
  }
  const auto flip = [](Transpose is) { return is == Transpose::yes ? CblasTrans : CblasNoTrans; };
  cblas_sgemm(CblasRowMajor, flip(a_is), flip(b_is), blas_int(m), blas_int(n), blas_int(k), 1.0F,
              a.data, blas_int(a.stride), b.data, blas_int(b.stride),
              accumulate == Accumulate::yes ? 1.0F : 0.0F, c.data, blas_int(c.stride));
}

namespace {

/// Tiles whose right side is laid out by their own task: high, for that is then used often, and
/// narrow, so that there are tiles enough.
TileSize packed_tile_size(std::int64_t m, std::int64_t n) {
  constexpr std::int64_t highest = 384;
  constexpr std::int64_t block = 32;
  const std::int64_t rows = even_part(m, highest);
  const std::int64_t area = std::clamp<std::int64_t>(m * n / 64, 128 * 256, 512 * 512);
  const std::int64_t columns = std::max<std::int64_t>(2 * block, area / rows / block * block);
  return {rows, std::min(n, columns)};
}

/// Narrow results would leave most of a block of columns unused.
bool suits_packed(std::int64_t m, std::int64_t n, std::int64_t k) {
  return m >= 8 && n >= 32 && k >= 8 && packed_products_pay();
}

/// One tile, along k in parts whose right side stays in L2.
void packed_tile(Transpose a_is, Transpose b_is, const Tile& tile, std::int64_t k,
                 const float* a_part, std::int64_t a_stride, ConstMatrix b, Matrix c,
                 Accumulate accumulate) {
  constexpr std::int64_t longest = 512;
  const std::int64_t length = ceil_div(k, ceil_div(k, longest));
  const Scratch right(static_cast<std::size_t>(packed_floats(length, tile.columns)));
  const std::int64_t row = a_is == Transpose::no ? a_stride : 1;
  const std::int64_t step = a_is == Transpose::no ? 1 : a_stride;
  for (std::int64_t first = 0; first < k; first += length) {
    const std::int64_t count = std::min(length, k - first);
    pack_right(
        b_is, count, tile.columns,
        {b_is == Transpose::no ? element(b, first, tile.column) : element(b, tile.column, first),
         b.stride},
        right.data());
    packed_product(tile.rows, {a_part + first * step, row, step},
                   {right.data(), count, 0, count, tile.columns}, c,
                   first == 0 ? accumulate : Accumulate::yes);
  }
}

}  // namespace

void gemm_tiles(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
                ConstMatrix a, ConstMatrix b, Matrix c, Accumulate accumulate,
                FunctionRef<void(const Tile&)> finish) {
  if (m == 0 || n == 0) return;
  make_blas_serial();
  const bool packed = suits_packed(m, n, k);
  const TileSize size = packed ? packed_tile_size(m, n) : tile_size(m, n);
  const std::int64_t across = ceil_div(n, size.columns);
  parallel_for(ceil_div(m, size.rows) * across, [&](std::int64_t index) {
    const std::int64_t row = index / across * size.rows;
    const std::int64_t column = index % across * size.columns;
    const Tile tile{row, column, std::min(size.rows, m - row), std::min(size.columns, n - column)};
    const float* a_part = a_is == Transpose::no ? element(a, row, 0) : element(a, 0, row);
    const Matrix c_part{c.data + row * c.stride + column, c.stride};
    if (packed) {
      packed_tile(a_is, b_is, tile, k, a_part, a.stride, b, c_part, accumulate);
      finish(tile);
      return;
    }
    const float* b_part = b_is == Transpose::no ? element(b, 0, column) : element(b, column, 0);
    serial_gemm(a_is, b_is, tile.rows, tile.columns, k, {a_part, a.stride}, {b_part, b.stride},
                c_part, accumulate);
    finish(tile);
  });
}

void gemm(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
          ConstMatrix a, ConstMatrix b, Matrix c, Accumulate accumulate) {
  gemm_tiles(a_is, b_is, m, n, k, a, b, c, accumulate, [](const Tile&) {});
}

void gemm(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
          const float* a, const float* b, float* c, Accumulate accumulate) {
  gemm(a_is, b_is, m, n, k, ConstMatrix{a, a_is == Transpose::no ? k : m},
       ConstMatrix{b, b_is == Transpose::no ? n : k}, Matrix{c, n}, accumulate);
}

void batched_gemm(Transpose a_is, Transpose b_is, std::int64_t batch, std::int64_t m,
                  std::int64_t n, std::int64_t k, const float* a, const float* b, float* c,
                  Accumulate accumulate) {
  parallel_for(batch, [&](std::int64_t i) {
    gemm(a_is, b_is, m, n, k, a + i * m * k, b + i * k * n, c + i * m * n, accumulate);
  });
}

}  // namespace raven::kernels
