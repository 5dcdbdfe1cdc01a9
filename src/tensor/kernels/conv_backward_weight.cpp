#include <algorithm>

#include "raven/tensor/kernels/conv.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/conv_plan.hpp"
#include "tensor/kernels/direct_conv.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

/// How the gradient of a weight is cut: bands of images into parts with sums of their own, and the
/// weight's elements into ranges. A function of the shape only.
struct Cut {
  std::int64_t units;  ///< bands of all images
  std::int64_t parts;
  std::int64_t ranges;
  std::int64_t range_length;
};

Cut cut(const ConvShape& s, const Grid& grid) {
  constexpr std::int64_t most_parts = 8;
  constexpr std::int64_t part_flops = 4'000'000;
  constexpr std::int64_t most_floats = std::int64_t{1} << 23;
  const std::int64_t units = grid.batch * grid.bands();
  const std::int64_t flops = 2 * s.out_rows() * s.out * s.patch();
  const std::int64_t worth = std::max<std::int64_t>(1, flops / part_flops);
  // Without the padding of the blocks: that depends on the CPU's vectors, and the bits must not.
  const std::int64_t sums_floats = std::max<std::int64_t>(1, s.out * s.patch());
  const std::int64_t parts =
      std::max<std::int64_t>(1, std::min({most_parts, worth, units, most_floats / sums_floats}));
  // Where the batch alone does not occupy a node, ranges of the weight do; multiples of 12 are
  // whole tiles.
  const std::int64_t ranges =
      std::clamp<std::int64_t>(std::min({16 / parts, worth / parts, s.patch() / 96}), 1, 16);
  const std::int64_t length = ((s.patch() + ranges - 1) / ranges + 11) / 12 * 12;
  return {units, parts, (s.patch() + length - 1) / length, length};
}

/// dW (+)= the parts' sums, in order, from [groups][column blocks][k][block width] to [out][k].
void gather(const ConvShape& s, const float* sums, std::int64_t parts, std::int64_t part_floats,
            float* weight_gradient, Accumulate accumulate) {
  const std::int64_t width = conv_block_width();
  const std::int64_t group_out = s.out / s.groups;
  const std::int64_t depth = s.patch();
  const std::int64_t blocks = (group_out + width - 1) / width;
  parallel_for(s.groups * blocks, [&](std::int64_t index) {
    const std::int64_t column = index % blocks * width;
    const std::int64_t kept = std::min(width, group_out - column);
    const Scratch total(as_size(depth * width));
    const float* block = sums + index * depth * width;
    std::copy_n(block, depth * width, total.data());
    for (std::int64_t part = 1; part < parts; ++part) {
      const float* more = block + part * part_floats;
      for (std::int64_t i = 0; i < depth * width; ++i) total.data()[i] += more[i];
    }
    float* out = weight_gradient + (index / blocks * group_out + column) * depth;
    for (std::int64_t j = 0; j < kept; ++j, out += depth) {
      for (std::int64_t k = 0; k < depth; ++k) {
        const float value = total.data()[k * width + j];
        out[k] = accumulate == Accumulate::yes ? out[k] + value : value;
      }
    }
  });
}

}  // namespace

void conv2d_backward_weight(const ConvShape& shape, const float* dz, const float* x,
                            float* weight_gradient, Accumulate accumulate) {
  check(shape);
  if (is_pointwise(shape)) {
    return linear_backward_weight(pointwise(shape), dz, x, weight_gradient, accumulate);
  }
  const Grid grid = forward_grid(shape);
  const std::int64_t in = shape.in / shape.groups;
  const std::int64_t group_out = shape.out / shape.groups;
  const std::int64_t depth = shape.patch();
  const std::int64_t width = conv_block_width();
  const std::int64_t group_floats = (group_out + width - 1) / width * depth * width;
  const std::int64_t part_floats = shape.groups * group_floats;
  const Cut plan = cut(shape, grid);

  const Taps taps(shape);
  list_taps(shape, grid, taps.all());
  const Scratch table(as_size(depth));
  auto* const offsets = reinterpret_cast<std::int32_t*>(table.data());
  for (std::int64_t k = 0; k < depth; ++k) {
    offsets[k] = as_offset(taps.all()[as_size(k / in)].source + k % in);
  }
  const Scratch sums(as_size(plan.parts * part_floats));
  const std::int64_t dz_row = grid.columns * shape.out;

  parallel_for(plan.parts * plan.ranges, [&](std::int64_t index) {
    const std::int64_t part = index / plan.ranges;
    const std::int64_t first = index % plan.ranges * plan.range_length;
    const std::int64_t count = std::min(plan.range_length, depth - first);
    float* own = sums.data() + part * part_floats;
    for (std::int64_t block = 0; block < part_floats; block += depth * width) {
      std::fill_n(own + block + first * width, count * width, 0.0F);
    }
    over_bands(grid, x, plan.units * part / plan.parts, plan.units * (part + 1) / plan.parts,
               [&](const Band& band, const float* framed) {
                 for (std::int64_t group = 0; group < shape.groups; ++group) {
                   conv_weight_product({.x = framed + group * in,
                                        .x_row = grid.row_step * grid.source.row_size(),
                                        .x_pixel = grid.column_step * shape.in,
                                        .offsets = offsets + first,
                                        .offset_count = count,
                                        .dz = dz + (band.image * grid.rows + band.first) * dz_row +
                                              group * group_out,
                                        .dz_row = dz_row,
                                        .dz_pixel = shape.out,
                                        .rows = band.rows,
                                        .pixels = grid.columns,
                                        .columns = group_out,
                                        .sums = own + group * group_floats + first * width,
                                        .block_stride = depth * width});
                 }
               });
  });
  gather(shape, sums.data(), plan.parts, part_floats, weight_gradient, accumulate);
}

}  // namespace raven::kernels
