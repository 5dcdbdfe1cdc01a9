#pragma once

#include <cstdint>
#include <span>

#include "raven/core/function_ref.hpp"
#include "tensor/kernels/conv_plan.hpp"
#include "tensor/kernels/direct_conv.hpp"

namespace raven::kernels {

/// Weights as conv_product wants them, [groups][column blocks][k][block width], k running over taps
/// and their floats.
struct WeightOrder {
  std::int64_t groups;
  std::int64_t columns;  ///< of a group
  std::span<const Tap> taps;
  std::int64_t tap_floats;
  std::int64_t group_stride;
  std::int64_t column_stride;
  std::int64_t float_stride;

  [[nodiscard]] std::int64_t depth() const {
    return static_cast<std::int64_t>(taps.size()) * tap_floats;
  }
  [[nodiscard]] std::int64_t blocks() const {
    return (columns + conv_block_width() - 1) / conv_block_width();
  }
  [[nodiscard]] std::int64_t block_floats() const { return depth() * conv_block_width(); }
  [[nodiscard]] std::int64_t group_floats() const { return blocks() * block_floats(); }

  void pack(const float* weight, float* packed) const;
};

/// Where a grid's pixels go, and what happens to them there.
struct Target {
  float* data;
  std::int64_t image_floats;
  std::int64_t row_floats;
  std::int64_t pixel_floats;
  Start start;
  const float* bias;
  bool relu;
};

/// Multiplies every pixel of a grid by packed weights; `finish` sees each band's result while it is
/// in cache.
void multiply(const Grid& grid, const WeightOrder& order, const float* source, const float* weight,
              const Target& target, FunctionRef<void(const Band&, float* y)> finish);

}  // namespace raven::kernels
