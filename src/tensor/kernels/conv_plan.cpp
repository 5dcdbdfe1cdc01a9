#include "tensor/kernels/conv_plan.hpp"

#include <algorithm>
#include <limits>

#include "raven/core/contract.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {

void copy_framed(const Frame& frame, std::int64_t first, std::int64_t rows, const float* image,
                 float* out) {
  const std::int64_t inner = frame.width * frame.channels;
  const std::int64_t before = frame.left * frame.channels;
  const std::int64_t after = frame.right * frame.channels;
  for (std::int64_t row = first - frame.top; row < first - frame.top + rows; ++row) {
    if (row < 0 || row >= frame.height) {
      out = std::fill_n(out, frame.row_size(), 0.0F);
      continue;
    }
    out = std::fill_n(out, before, 0.0F);
    out = std::copy_n(image + row * inner, inner, out);
    out = std::fill_n(out, after, 0.0F);
  }
}

std::int64_t Grid::band_rows() const {
  // Source and result of a band share L2 with the weights.
  constexpr std::int64_t most_floats = 48 * 1024;
  const std::int64_t wanted =
      std::clamp<std::int64_t>(most_floats / (row_step * source.row_size()), 1, rows);
  const std::int64_t count = (rows + wanted - 1) / wanted;
  return (rows + count - 1) / count;
}

void over_bands(const Grid& grid, const float* source, std::int64_t first, std::int64_t last,
                FunctionRef<void(const Band&, const float* x)> work) {
  const std::int64_t bands = grid.bands();
  const std::int64_t height = grid.band_rows();
  const Scratch framed(grid.source.is_bare() ? 0 : as_size(grid.band_floats()));
  for (std::int64_t index = first; index < last; ++index) {
    const std::int64_t top = index % bands * height;
    const Band band{index / bands, top, std::min(height, grid.rows - top)};
    const float* image = source + band.image * grid.source.image_size();
    const std::int64_t source_row = band.first * grid.row_step;
    if (grid.source.is_bare()) {
      work(band, image + source_row * grid.source.row_size());
      continue;
    }
    const std::int64_t source_rows = (band.rows - 1) * grid.row_step + grid.reach;
    copy_framed(grid.source, source_row, source_rows, image, framed.data());
    work(band, framed.data());
  }
}

void check(const ConvShape& s) {
  expects(s.groups >= 1 && s.in % s.groups == 0 && s.out % s.groups == 0,
          "groups divide the channels of a convolution");
  expects(s.out_height() >= 1 && s.out_width() >= 1, "a convolution has an output");
}

bool is_pointwise(const ConvShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride_height == 1 &&
         s.stride_width == 1 && s.padding_height == 0 && s.padding_width == 0 && s.groups == 1;
}

LinearShape pointwise(const ConvShape& s) { return {s.out_rows(), s.in, s.out}; }

Grid forward_grid(const ConvShape& s) {
  const std::int64_t reach = s.dilation_height * (s.kernel_height - 1) + 1;
  return {.source = {.height = s.height,
                     .width = s.width,
                     .channels = s.in,
                     .top = s.padding_height,
                     .bottom = s.padding_height,
                     .left = s.padding_width,
                     .right = s.padding_width},
          .batch = s.batch,
          .rows = s.out_height(),
          .columns = s.out_width(),
          .row_step = s.stride_height,
          .column_step = s.stride_width,
          .reach = reach};
}

std::int32_t as_offset(std::int64_t offset) {
  expects(offset <= std::numeric_limits<std::int32_t>::max(), "a band of an image fits an offset");
  return static_cast<std::int32_t>(offset);
}

Taps::Taps(const ConvShape& shape)
    : memory_(as_size(shape.kernel_height * shape.kernel_width) * sizeof(Tap) / sizeof(float)),
      all_(reinterpret_cast<Tap*>(memory_.data()),
           as_size(shape.kernel_height * shape.kernel_width)) {}

void list_taps(const ConvShape& s, const Grid& grid, std::span<Tap> taps) {
  const std::int64_t in = s.in / s.groups;
  std::size_t at = 0;
  for (std::int64_t r = 0; r < s.kernel_height; ++r) {
    for (std::int64_t c = 0; c < s.kernel_width; ++c) {
      const std::int64_t source = r * s.dilation_height * grid.source.row_size() +
                                  c * s.dilation_width * grid.source.channels;
      taps[at++] = {source, (r * s.kernel_width + c) * in};
    }
  }
}

}  // namespace raven::kernels
