#include <algorithm>

#include "raven/tensor/kernels/conv.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/conv_multiply.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

/// One axis of the input's gradient: input positions first, first + stride, ... meet a kernel
/// position k at output position i + shift(k), where i counts those input positions.
struct Phase {
  std::int64_t first;
  std::int64_t count;
  std::int64_t stride;
  std::int64_t padding;
  std::int64_t dilation;

  [[nodiscard]] bool meets(std::int64_t k) const {
    return (first + padding - k * dilation) % stride == 0;
  }
  [[nodiscard]] std::int64_t shift(std::int64_t k) const {
    return (first + padding - k * dilation) / stride;
  }
};

/// Zeros to put around an axis of dz so that every i + shift is inside.
struct Margin {
  std::int64_t before = 0;
  std::int64_t after = 0;
  std::int64_t furthest = 0;  ///< largest shift + before
};

Margin margin_of(const Phase& phase, std::int64_t kernel, std::int64_t length) {
  Margin margin;
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  for (std::int64_t k = 0; k < kernel; ++k) {
    if (!phase.meets(k)) continue;
    lowest = std::min(lowest, phase.shift(k));
    highest = std::max(highest, phase.shift(k));
  }
  margin.before = -lowest;
  margin.after = std::max<std::int64_t>(0, phase.count + highest - length);
  margin.furthest = highest + margin.before;
  return margin;
}

/// The input pixels of one phase: a convolution of dz with stride 1 by the taps that meet them.
void backward_input_phase(const ConvShape& s, const Phase& down, const Phase& across,
                          const float* dz, const float* weight, float* dx, Accumulate accumulate) {
  const Margin vertical = margin_of(down, s.kernel_height, s.out_height());
  const Margin horizontal = margin_of(across, s.kernel_width, s.out_width());
  const Grid grid{.source = {.height = s.out_height(),
                             .width = s.out_width(),
                             .channels = s.out,
                             .top = vertical.before,
                             .bottom = vertical.after,
                             .left = horizontal.before,
                             .right = horizontal.after},
                  .batch = s.batch,
                  .rows = down.count,
                  .columns = across.count,
                  .row_step = 1,
                  .column_step = 1,
                  .reach = vertical.furthest + 1};
  const Taps taps(s);
  std::size_t count = 0;
  const std::int64_t in = s.in / s.groups;
  // From the last tap to the first: that way through the kernel runs forward through dz.
  for (std::int64_t r = s.kernel_height - 1; r >= 0; --r) {
    for (std::int64_t c = s.kernel_width - 1; c >= 0; --c) {
      if (!down.meets(r) || !across.meets(c)) continue;
      const std::int64_t row = down.shift(r) + vertical.before;
      const std::int64_t column = across.shift(c) + horizontal.before;
      taps.all()[count++] = {row * grid.source.row_size() + column * s.out,
                             (r * s.kernel_width + c) * in};
    }
  }
  const std::int64_t group_out = s.out / s.groups;
  const WeightOrder order{.groups = s.groups,
                          .columns = in,
                          .taps = taps.all().first(count),
                          .tap_floats = group_out,
                          .group_stride = group_out * s.patch(),
                          .column_stride = 1,
                          .float_stride = s.patch()};
  const Target target{.data = dx + (down.first * s.width + across.first) * s.in,
                      .image_floats = s.height * s.width * s.in,
                      .row_floats = down.stride * s.width * s.in,
                      .pixel_floats = across.stride * s.in,
                      .start = accumulate == Accumulate::yes ? Start::result : Start::zero,
                      .bias = nullptr,
                      .relu = false};
  multiply(grid, order, dz, weight, target, [](const Band&, float*) {});
}

Phase phase_of(std::int64_t first, std::int64_t length, std::int64_t stride, std::int64_t padding,
               std::int64_t dilation) {
  return {first, (length - first + stride - 1) / stride, stride, padding, dilation};
}

bool any_meets(const Phase& phase, std::int64_t kernel) {
  for (std::int64_t k = 0; k < kernel; ++k) {
    if (phase.meets(k)) return true;
  }
  return false;
}

}  // namespace

void conv2d_backward_input(const ConvShape& shape, const float* dz, const float* weight, float* dx,
                           Accumulate accumulate) {
  check(shape);
  if (is_pointwise(shape)) {
    return linear_backward_input(pointwise(shape), dz, weight, dx, accumulate);
  }
  const std::int64_t down_phases = std::min(shape.stride_height, shape.height);
  const std::int64_t across_phases = std::min(shape.stride_width, shape.width);
  bool all_written = true;
  for (std::int64_t a = 0; a < down_phases; ++a) {
    for (std::int64_t b = 0; b < across_phases; ++b) {
      const Phase down = phase_of(a, shape.height, shape.stride_height, shape.padding_height,
                                  shape.dilation_height);
      const Phase across =
          phase_of(b, shape.width, shape.stride_width, shape.padding_width, shape.dilation_width);
      if (!any_meets(down, shape.kernel_height) || !any_meets(across, shape.kernel_width)) {
        all_written = false;
      }
    }
  }
  Accumulate mode = accumulate;
  if (!all_written && accumulate == Accumulate::no) {
    // Pixels that the stride steps over get no gradient.
    const std::int64_t count = shape.batch * shape.height * shape.width * shape.in;
    parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
      std::fill(dx + first, dx + last, 0.0F);
    });
    mode = Accumulate::yes;
  }
  for (std::int64_t a = 0; a < down_phases; ++a) {
    for (std::int64_t b = 0; b < across_phases; ++b) {
      const Phase down = phase_of(a, shape.height, shape.stride_height, shape.padding_height,
                                  shape.dilation_height);
      const Phase across =
          phase_of(b, shape.width, shape.stride_width, shape.padding_width, shape.dilation_width);
      if (!any_meets(down, shape.kernel_height) || !any_meets(across, shape.kernel_width)) continue;
      backward_input_phase(shape, down, across, dz, weight, dx, mode);
    }
  }
}

}  // namespace raven::kernels
