#pragma once

#include <cstdint>

namespace raven::kernels {

// The arithmetic of convolutions without im2col: GEMM micro-kernels whose left rows are read where
// they lie in a (zero-padded) channels-last image. Serial; conv.cpp cuts the work and pads the
// images.
//
// Columns (channels of the result) come in blocks of `conv_block_width()`, a multiple of the vector
// length.

[[nodiscard]] std::int64_t conv_block_width();

/// Consecutive floats of the image, starting `offset` floats from a pixel's base.
struct Run {
  std::int64_t offset;
  std::int64_t length;
};

/// What a product starts from.
enum class Start : std::uint8_t { zero, bias, result };

/// y[p, :] = start + sum over k of x[p, k] w[k, :], where row p of x is the runs' floats at pixel
/// p, in their order.
struct ConvProduct {
  const float* x;
  const std::int32_t* x_pixels;  ///< base of each pixel, in floats from x
  std::int64_t pixels;
  const Run* runs;
  std::int64_t run_count;
  /// [column blocks][k][block width], spare columns 0
  const float* weight;
  std::int64_t block_stride;  ///< floats from one column block to the next
  float* y;
  const std::int32_t* y_pixels;  ///< where each pixel's result goes, in floats from y
  std::int64_t columns;
  Start start;
  const float* bias;  ///< [columns], for Start::bias
  bool relu;          ///< max(., 0) at the end
};
void conv_product(const ConvProduct& product);

/// sums[column block][k][lane] += sum over an image's pixels of x[pixel + offset_k] dz[pixel,
/// column].
struct ConvWeightProduct {
  const float* x;
  std::int64_t x_row;    ///< floats from one output row's base to the next
  std::int64_t x_pixel;  ///< floats from one output pixel's base to the next
  const std::int32_t* offsets;
  std::int64_t offset_count;
  const float* dz;
  std::int64_t dz_row;
  std::int64_t dz_pixel;
  std::int64_t rows;          ///< output rows
  std::int64_t pixels;        ///< in an output row
  std::int64_t columns;       ///< channels of dz
  float* sums;                ///< [column blocks][offset_count][block width]
  std::int64_t block_stride;  ///< floats from one column block of `sums` to the next
};
void conv_weight_product(const ConvWeightProduct& product);

}  // namespace raven::kernels
