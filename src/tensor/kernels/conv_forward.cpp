#include "raven/tensor/kernels/conv.hpp"
#include "tensor/kernels/conv_multiply.hpp"
#include "tensor/kernels/epilogue.hpp"

namespace raven::kernels {

void conv2d_forward(const ConvShape& shape, const float* x, const float* weight, const float* bias,
                    const Activation& f, float* y, float* slopes) {
  check(shape);
  if (is_pointwise(shape)) return linear_forward(pointwise(shape), x, weight, bias, f, y, slopes);
  const Grid grid = forward_grid(shape);
  const Taps taps(shape);
  list_taps(shape, grid, taps.all());
  const std::int64_t group_out = shape.out / shape.groups;
  const WeightOrder order{.groups = shape.groups,
                          .columns = group_out,
                          .taps = taps.all(),
                          .tap_floats = shape.in / shape.groups,
                          .group_stride = group_out * shape.patch(),
                          .column_stride = shape.patch(),
                          .float_stride = 1};
  const std::int64_t row_floats = grid.columns * shape.out;
  const bool fused =
      slopes == nullptr && (f.kind == ActivationKind::relu || f.kind == ActivationKind::identity);
  const Target target{.data = y,
                      .image_floats = grid.rows * row_floats,
                      .row_floats = row_floats,
                      .pixel_floats = shape.out,
                      .start = bias == nullptr ? Start::zero : Start::bias,
                      .bias = bias,
                      .relu = fused && f.kind == ActivationKind::relu};
  multiply(grid, order, x, weight, target, [&](const Band& band, float* part) {
    if (fused) return;
    finish_tile(f, band.rows * grid.columns, shape.out, nullptr, {part, shape.out},
                slopes == nullptr ? nullptr : slopes + (part - y));
  });
}

}  // namespace raven::kernels
