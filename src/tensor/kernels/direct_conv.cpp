#include "tensor/kernels/direct_conv.hpp"

#include <algorithm>

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/direct_conv.cpp"
#include "hwy/foreach_target.h"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using kernels::ConvProduct;
using kernels::ConvWeightProduct;
using kernels::Start;

// A tile keeps rows x 2 vectors of sums in registers: 12 of AVX2's 16, 24 of AVX-512's 32. Every
// sum is one chain of fused multiply-adds in the order of k, so the bits depend neither on the tile
// nor on the vector length.
#if HWY_TARGET == HWY_AVX3
constexpr int tile_rows = 12;
#else
constexpr int tile_rows = 6;
#endif

HWY_INLINE std::size_t block_width() { return 2 * hn::Lanes(Floats()); }

std::int64_t BlockWidth() { return static_cast<std::int64_t>(block_width()); }

/// Calls use.run<rows>() for a row count known only now.
template <int rows, class Use>
HWY_INLINE void with_rows(std::int64_t wanted, const Use& use) {
  if (wanted == rows) {
    use.template run<rows>();
  } else if constexpr (rows > 1) {
    with_rows<rows - 1>(wanted, use);
  }
}

struct ProductTile {
  const ConvProduct& product;
  std::int64_t pixel;
  std::int64_t column;
  const float* weight;

  template <int rows>
  HWY_INLINE void run() const {
    const Floats d;
    const std::size_t lanes = hn::Lanes(d);
    const std::int64_t left = product.columns - column;
    if (left >= static_cast<std::int64_t>(2 * lanes)) {
      tile<rows>(WholeVector(), WholeVector());
    } else if (left > static_cast<std::int64_t>(lanes)) {
      tile<rows>(WholeVector(), PartOfVector{as_size(left) - lanes});
    } else {
      tile<rows>(PartOfVector{as_size(left)}, PartOfVector{0});
    }
  }

  template <int rows, class LowIo, class HighIo>
  HWY_INLINE void tile(LowIo low_io, HighIo high_io) const {
    const Floats d;
    const std::size_t lanes = hn::Lanes(d);
    const float* x[rows];
    float* y[rows];
    V low[rows];
    V high[rows];
    for (int r = 0; r < rows; ++r) {
      x[r] = product.x + product.x_pixels[pixel + r];
      y[r] = product.y + product.y_pixels[pixel + r] + column;
    }
    if (product.start == Start::zero) {
      for (int r = 0; r < rows; ++r) low[r] = high[r] = zero();
    } else if (product.start == Start::bias) {
      const V low_bias = low_io.load(product.bias + column);
      const V high_bias = high_io.load(product.bias + column + lanes);
      for (int r = 0; r < rows; ++r) {
        low[r] = low_bias;
        high[r] = high_bias;
      }
    } else {
      for (int r = 0; r < rows; ++r) {
        low[r] = low_io.load(y[r]);
        high[r] = high_io.load(y[r] + lanes);
      }
    }
    const float* w = weight;
    for (std::int64_t i = 0; i < product.run_count; ++i) {
      const std::int64_t first = product.runs[i].offset;
      const std::int64_t last = first + product.runs[i].length;
      for (std::int64_t k = first; k < last; ++k, w += 2 * lanes) {
        const V w_low = hn::Load(d, w);
        const V w_high = hn::Load(d, w + lanes);
        for (int r = 0; r < rows; ++r) {
          const V value = hn::Set(d, x[r][k]);
          low[r] = MulAdd(value, w_low, low[r]);
          high[r] = MulAdd(value, w_high, high[r]);
        }
      }
    }
    for (int r = 0; r < rows; ++r) {
      if (product.relu) {
        low[r] = IfThenZeroElse(Lt(low[r], zero()), low[r]);
        high[r] = IfThenZeroElse(Lt(high[r], zero()), high[r]);
      }
      low_io.store(low[r], y[r]);
      high_io.store(high[r], y[r] + lanes);
    }
  }
};

/// Cuts [0, count) into as few tiles as can be, of nearly equal length: a short last tile would
/// leave the FMA units waiting for its few sums.
template <class Make>
HWY_INLINE void over_tiles(std::int64_t count, const Make& make) {
  if (count == 0) return;
  const std::int64_t tiles = (count + tile_rows - 1) / tile_rows;
  const std::int64_t length = count / tiles;
  const std::int64_t longer = count % tiles;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t rows = length + (i < longer ? 1 : 0);
    with_rows<tile_rows>(rows, make(first));
    first += rows;
  }
}

void Product(const ConvProduct& product) {
  const auto width = static_cast<std::int64_t>(block_width());
  const float* weight = product.weight;
  for (std::int64_t column = 0; column < product.columns; column += width) {
    over_tiles(product.pixels, [&](std::int64_t pixel) HWY_ATTR {
      return ProductTile{product, pixel, column, weight};
    });
    weight += product.block_stride;
  }
}

struct WeightTile {
  const ConvWeightProduct& product;
  std::int64_t first;  // offset
  const float* dz;
  float* sums;

  template <int rows>
  HWY_INLINE void run() const {
    const Floats d;
    const std::size_t lanes = hn::Lanes(d);
    V low[rows];
    V high[rows];
    for (int r = 0; r < rows; ++r) low[r] = high[r] = zero();
    for (std::int64_t row = 0; row < product.rows; ++row) {
      const float* x[rows];
      for (int r = 0; r < rows; ++r) {
        x[r] = product.x + row * product.x_row + product.offsets[first + r];
      }
      const float* g = dz + row * product.dz_row;
      std::int64_t at = 0;
      for (std::int64_t i = 0; i < product.pixels; ++i) {
        const V g_low = hn::LoadU(d, g);
        const V g_high = hn::LoadU(d, g + lanes);
        for (int r = 0; r < rows; ++r) {
          const V value = hn::Set(d, x[r][at]);
          low[r] = MulAdd(value, g_low, low[r]);
          high[r] = MulAdd(value, g_high, high[r]);
        }
        g += product.dz_pixel;
        at += product.x_pixel;
      }
    }
    float* to = sums + as_size(first) * 2 * lanes;
    for (int r = 0; r < rows; ++r, to += 2 * lanes) {
      hn::Store(Add(hn::Load(d, to), low[r]), d, to);
      hn::Store(Add(hn::Load(d, to + lanes), high[r]), d, to + lanes);
    }
  }
};

/// dz of a piece of a band, as [column blocks][pixels][block width] with spare columns 0.
void pack_columns(const ConvWeightProduct& piece, float* out) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t width = block_width();
  for (std::int64_t column = 0; column < piece.columns;
       column += static_cast<std::int64_t>(width)) {
    const std::size_t kept = std::min(width, as_size(piece.columns - column));
    for (std::int64_t row = 0; row < piece.rows; ++row) {
      const float* from = piece.dz + row * piece.dz_row + column;
      for (std::int64_t i = 0; i < piece.pixels; ++i, from += piece.dz_pixel, out += width) {
        if (kept == width) {
          hn::Store(hn::LoadU(d, from), d, out);
          hn::Store(hn::LoadU(d, from + lanes), d, out + lanes);
        } else {
          std::copy_n(from, kept, out);
          std::fill_n(out + kept, width - kept, 0.0F);
        }
      }
    }
  }
}

constexpr std::int32_t tile_offsets[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/// One tile of offsets against every column block of a packed piece: what it reads of x stays in
/// L1.
struct WeightStrip {
  const ConvWeightProduct& piece;
  std::int64_t first;  // offset
  float* strip;        // room for the tile's part of x, or null to read it where it lies

  template <int rows>
  HWY_INLINE void run() const {
    if (strip == nullptr) return over_columns<rows>(piece, first, piece.sums);
    // Pixels of many channels lie a large power of two apart and push each other out of L1.
    float* to = strip;
    for (std::int64_t row = 0; row < piece.rows; ++row) {
      for (std::int64_t i = 0; i < piece.pixels; ++i) {
        const float* pixel = piece.x + row * piece.x_row + i * piece.x_pixel;
        for (int r = 0; r < rows; ++r) *to++ = pixel[piece.offsets[first + r]];
      }
    }
    ConvWeightProduct packed = piece;
    packed.x = strip;
    packed.x_pixel = rows;
    packed.x_row = rows * piece.pixels;
    packed.offsets = tile_offsets;
    over_columns<rows>(packed, 0, piece.sums + first * static_cast<std::int64_t>(block_width()));
  }

  template <int rows>
  HWY_INLINE static void over_columns(const ConvWeightProduct& part, std::int64_t offset,
                                      float* sums) {
    const auto width = static_cast<std::int64_t>(block_width());
    const float* dz = part.dz;
    for (std::int64_t column = 0; column < part.columns; column += width) {
      WeightTile{part, offset, dz, sums}.template run<rows>();
      dz += part.rows * part.dz_row;
      sums += part.block_stride;
    }
  }
};

void WeightProduct(const ConvWeightProduct& product) {
  const auto width = static_cast<std::int64_t>(block_width());
  const bool whole_blocks = product.columns % width == 0;
  if (whole_blocks && product.offset_count <= 2 * tile_rows) {
    // Packing would cost more than the few passes over dz.
    for (std::int64_t column = 0; column < product.columns; column += width) {
      float* sums = product.sums + column / width * product.block_stride;
      over_tiles(product.offset_count, [&](std::int64_t first) HWY_ATTR {
        return WeightTile{product, first, product.dz + column, sums};
      });
    }
    return;
  }
  // Pieces of a band whose dz fits L1 beside a strip of x; not too short, as every piece loads and
  // stores its sums.
  const std::int64_t most_pixels = std::clamp<std::int64_t>(20 * 1024 / product.columns, 48, 256);
  const std::int64_t pixels = std::min(product.pixels, most_pixels);
  const std::int64_t rows = std::clamp<std::int64_t>(most_pixels / pixels, 1, product.rows);
  const std::int64_t blocks = (product.columns + width - 1) / width;
  const Scratch packed(as_size(blocks * rows * pixels * width));
  const Scratch strip(blocks < 8 ? 0 : as_size(rows * pixels * tile_rows));
  for (std::int64_t top = 0; top < product.rows; top += rows) {
    for (std::int64_t left = 0; left < product.pixels; left += pixels) {
      ConvWeightProduct piece = product;
      piece.rows = std::min(rows, product.rows - top);
      piece.pixels = std::min(pixels, product.pixels - left);
      piece.x += top * product.x_row + left * product.x_pixel;
      piece.dz += top * product.dz_row + left * product.dz_pixel;
      pack_columns(piece, packed.data());
      piece.dz = packed.data();
      piece.dz_pixel = width;
      piece.dz_row = width * piece.pixels;
      over_tiles(piece.offset_count, [&](std::int64_t first) HWY_ATTR {
        return WeightStrip{piece, first, strip.data()};
      });
    }
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(BlockWidth);
HWY_EXPORT(Product);
HWY_EXPORT(WeightProduct);

namespace kernels {

std::int64_t conv_block_width() { return HWY_DYNAMIC_DISPATCH(BlockWidth)(); }
void conv_product(const ConvProduct& product) { HWY_DYNAMIC_DISPATCH(Product)(product); }
void conv_weight_product(const ConvWeightProduct& product) {
  HWY_DYNAMIC_DISPATCH(WeightProduct)(product);
}

}  // namespace kernels
}  // namespace raven
#endif
