#pragma once

#include <cstdint>
#include <span>

#include "raven/core/function_ref.hpp"
#include "raven/tensor/kernels/conv.hpp"
#include "raven/tensor/kernels/linear.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven::kernels {

/// A channels-last image with zeros around it, so that a kernel never looks outside.
struct Frame {
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;

  [[nodiscard]] std::int64_t image_size() const { return height * width * channels; }
  [[nodiscard]] std::int64_t row_size() const { return (left + width + right) * channels; }
  [[nodiscard]] bool is_bare() const { return top == 0 && bottom == 0 && left == 0 && right == 0; }
};

/// Writes framed rows first .. first + rows of `image` to `out`.
void copy_framed(const Frame& frame, std::int64_t first, std::int64_t rows, const float* image,
                 float* out);

/// A grid of output pixels over framed source images, cut into bands of rows that fit the cache.
struct Grid {
  Frame source;
  std::int64_t batch;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_step;     ///< framed source rows from one output row to the next
  std::int64_t column_step;  ///< the same for columns
  std::int64_t reach;        ///< framed source rows under one output row

  /// Output rows of a band: a function of the sizes only.
  [[nodiscard]] std::int64_t band_rows() const;
  [[nodiscard]] std::int64_t bands() const { return (rows + band_rows() - 1) / band_rows(); }
  /// Floats of framed source under a band.
  [[nodiscard]] std::int64_t band_floats() const {
    return ((band_rows() - 1) * row_step + reach) * source.row_size();
  }
};

/// One band of one image.
struct Band {
  std::int64_t image;
  std::int64_t first;
  std::int64_t rows;
};

/// Calls work(band, x) with the framed source rows under bands `first` .. `last` of the grid, one
/// after the other.
void over_bands(const Grid& grid, const float* source, std::int64_t first, std::int64_t last,
                FunctionRef<void(const Band&, const float* x)> work);

/// States what a shape must be like.
void check(const ConvShape& shape);

/// True where one pixel of input makes one pixel of output: a plain matrix product.
[[nodiscard]] bool is_pointwise(const ConvShape& shape);
[[nodiscard]] LinearShape pointwise(const ConvShape& shape);

/// Output pixels over framed input: for the forward pass and the weight's gradient.
[[nodiscard]] Grid forward_grid(const ConvShape& shape);

/// A kernel's position: where it looks in the framed source, and where its weights lie in [kernel,
/// in / groups].
struct Tap {
  std::int64_t source;  ///< floats from a pixel's base
  std::int64_t weight;  ///< floats from the start of an output channel's weights
};

/// Memory for a list of taps.
class Taps {
 public:
  explicit Taps(const ConvShape& shape);
  [[nodiscard]] std::span<Tap> all() const { return all_; }

 private:
  Scratch memory_;
  std::span<Tap> all_;
};

/// The kernel's taps over framed input, in the order of the weight's memory.
void list_taps(const ConvShape& shape, const Grid& grid, std::span<Tap> taps);

/// An offset in the 32 bits that tables hold.
[[nodiscard]] std::int32_t as_offset(std::int64_t offset);

}  // namespace raven::kernels
