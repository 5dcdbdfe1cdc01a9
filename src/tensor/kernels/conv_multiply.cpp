#include "tensor/kernels/conv_multiply.hpp"

#include <algorithm>

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

constexpr std::int64_t most_chunk = 320;  // 20 KiB of a weight block beside the image in L1

/// Consecutive taps as runs of floats, in chunks of at most about most_chunk floats.
class Runs {
 public:
  Runs(std::int64_t taps, std::int64_t tap_floats)
      : memory_(as_size(2 * sizeof(Run) / sizeof(float) * pieces(taps, tap_floats))),
        runs_(reinterpret_cast<Run*>(memory_.data())),
        ends_(reinterpret_cast<std::int64_t*>(runs_ + pieces(taps, tap_floats))) {}

  void add(std::int64_t offset, std::int64_t length) {
    while (length > 0) {
      if (chunk_floats_ == most_chunk) close();
      const std::int64_t part = std::min(length, most_chunk - chunk_floats_);
      const bool joins = count_ > first_of_chunk() &&
                         runs_[count_ - 1].offset + runs_[count_ - 1].length == offset;
      if (joins) {
        runs_[count_ - 1].length += part;
      } else {
        runs_[count_++] = {offset, part};
      }
      chunk_floats_ += part;
      offset += part;
      length -= part;
    }
  }
  void close() {
    if (chunk_floats_ == 0) return;
    ends_[chunks_++] = count_;
    chunk_floats_ = 0;
  }

  [[nodiscard]] std::int64_t chunks() const { return chunks_; }
  [[nodiscard]] const Run* chunk(std::int64_t i) const { return runs_ + begin(i); }
  [[nodiscard]] std::int64_t size(std::int64_t i) const { return ends_[i] - begin(i); }

 private:
  static std::int64_t pieces(std::int64_t taps, std::int64_t tap_floats) {
    return taps * (tap_floats / most_chunk + 2) + 1;
  }
  [[nodiscard]] std::int64_t begin(std::int64_t i) const { return i == 0 ? 0 : ends_[i - 1]; }
  [[nodiscard]] std::int64_t first_of_chunk() const { return begin(chunks_); }

  Scratch memory_;
  Run* runs_;
  std::int64_t* ends_;
  std::int64_t count_ = 0;
  std::int64_t chunks_ = 0;
  std::int64_t chunk_floats_ = 0;
};

/// offsets[row * columns + column] for a grid of pixels.
void list_pixels(std::int64_t rows, std::int64_t columns, std::int64_t row_floats,
                 std::int64_t pixel_floats, std::int32_t* offsets) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      *offsets++ = as_offset(row * row_floats + column * pixel_floats);
    }
  }
}

}  // namespace

void WeightOrder::pack(const float* weight, float* packed) const {
  const std::int64_t width = conv_block_width();
  parallel_for(groups * blocks(), [&](std::int64_t index) {
    const std::int64_t column = index % blocks() * width;
    const float* from = weight + index / blocks() * group_stride + column * column_stride;
    const std::int64_t kept = std::min(width, columns - column);
    float* to = packed + index * block_floats();
    for (const Tap& tap : taps) {
      const float* source = from + tap.weight;
      if (column_stride == 1) {
        for (std::int64_t i = 0; i < tap_floats; ++i, to += width) {
          std::copy_n(source + i * float_stride, kept, to);
          std::fill(to + kept, to + width, 0.0F);
        }
        continue;
      }
      // Reads run along memory, writes hop within what is about to be used.
      for (std::int64_t j = 0; j < width; ++j) {
        const float* column_floats = source + j * column_stride;
        for (std::int64_t i = 0; i < tap_floats; ++i) {
          to[i * width + j] = j < kept ? column_floats[i * float_stride] : 0.0F;
        }
      }
      to += tap_floats * width;
    }
  });
}
void multiply(const Grid& grid, const WeightOrder& order, const float* source, const float* weight,
              const Target& target, FunctionRef<void(const Band&, float* y)> finish) {
  const Scratch packed(as_size(order.groups * order.group_floats()));
  order.pack(weight, packed.data());
  Runs runs(static_cast<std::int64_t>(order.taps.size()), order.tap_floats);
  for (const Tap& tap : order.taps) runs.add(tap.source, order.tap_floats);
  runs.close();
  const std::int64_t pixels = grid.band_rows() * grid.columns;
  const Scratch tables(as_size(2 * pixels));
  auto* const x_pixels = reinterpret_cast<std::int32_t*>(tables.data());
  auto* const y_pixels = x_pixels + pixels;
  list_pixels(grid.band_rows(), grid.columns, grid.row_step * grid.source.row_size(),
              grid.column_step * grid.source.channels, x_pixels);
  list_pixels(grid.band_rows(), grid.columns, target.row_floats, target.pixel_floats, y_pixels);

  const auto run_band = [&](const Band& band, const float* x) {
    float* y = target.data + band.image * target.image_floats + band.first * target.row_floats;
    for (std::int64_t group = 0; group < order.groups; ++group) {
      const float* bias = target.bias == nullptr ? nullptr : target.bias + group * order.columns;
      const float* w = packed.data() + group * order.group_floats();
      for (std::int64_t chunk = 0; chunk < runs.chunks(); ++chunk) {
        conv_product({.x = x + group * order.tap_floats,
                      .x_pixels = x_pixels,
                      .pixels = band.rows * grid.columns,
                      .runs = runs.chunk(chunk),
                      .run_count = runs.size(chunk),
                      .weight = w + chunk * most_chunk * conv_block_width(),
                      .block_stride = order.block_floats(),
                      .y = y + group * order.columns,
                      .y_pixels = y_pixels,
                      .columns = order.columns,
                      .start = chunk == 0 ? target.start : Start::result,
                      .bias = bias,
                      .relu = target.relu && chunk + 1 == runs.chunks()});
      }
    }
    finish(band, y);
  };

  const std::int64_t band_flops = 2 * pixels * order.groups * order.columns * order.depth();
  constexpr std::int64_t task_flops = 2'000'000;
  const std::int64_t grain =
      std::max<std::int64_t>(1, task_flops / std::max<std::int64_t>(1, band_flops));
  parallel_ranges(grid.batch * grid.bands(), grain, [&](std::int64_t first, std::int64_t last) {
    over_bands(grid, source, first, last, run_band);
  });
}

}  // namespace raven::kernels
