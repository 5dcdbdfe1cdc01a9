#include "raven/tensor/kernels/position.hpp"

#include <algorithm>
#include <cmath>

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

/// base^(-2i / size), the angle of pair i at position 1.
double step_angle(std::int64_t i, std::int64_t size, double base) {
  return std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(size));
}

void turn_head(std::int64_t half, const float* cosine, const float* sine, float sign,
               const float* x, float* y, Accumulate accumulate) {
  const bool adds = accumulate == Accumulate::yes;
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[i + half];
    const float turned_a = a * cosine[i] - sign * b * sine[i];
    const float turned_b = b * cosine[i] + sign * a * sine[i];
    y[i] = adds ? y[i] + turned_a : turned_a;
    y[i + half] = adds ? y[i + half] + turned_b : turned_b;
  }
}

}  // namespace

namespace {

/// Waves of positions [0, length), row by row.
void fill_waves(std::int64_t length, std::int64_t width, float* waves) {
  for (std::int64_t i = 0; i < width; i += 2) {
    const double angle = step_angle(i / 2, width, 10000.0);
    for (std::int64_t t = 0; t < length; ++t) {
      float* at = waves + t * width + i;
      at[0] = static_cast<float>(std::sin(static_cast<double>(t) * angle));
      if (i + 1 < width) at[1] = static_cast<float>(std::cos(static_cast<double>(t) * angle));
    }
  }
}

/// @param position of a row
template <class Position>
void add_waves(std::int64_t rows, std::int64_t width, const float* waves, const Position& position,
               const float* x, float* y) {
  parallel_ranges(rows, rows_grain(width), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const float* wave = waves + position(row) * width;
      for (std::int64_t i = 0; i < width; ++i) y[row * width + i] = x[row * width + i] + wave[i];
    }
  });
}

}  // namespace

void add_sinusoidal(std::int64_t batch, std::int64_t length, std::int64_t width, const float* x,
                    float* y) {
  const Scratch waves(as_size(length * width));
  fill_waves(length, width, waves.data());
  add_waves(
      batch * length, width, waves.data(), [=](std::int64_t row) { return row % length; }, x, y);
}

void add_sinusoidal_at(std::int64_t rows, std::int64_t width, const std::int32_t* positions,
                       const float* x, float* y) {
  std::int64_t length = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    length = std::max<std::int64_t>(length, positions[row] + 1);
  }
  const Scratch waves(as_size(length * width));
  fill_waves(length, width, waves.data());
  add_waves(
      rows, width, waves.data(), [=](std::int64_t row) { return std::int64_t{positions[row]}; }, x,
      y);
}

void rotate_positions(const RotaryShape& shape, Turn turn, const float* x, float* y,
                      Accumulate accumulate) {
  const std::int64_t half = shape.size / 2;
  const Scratch angles(as_size(2 * shape.length * half));
  float* cosines = angles.data();
  float* sines = angles.data() + shape.length * half;
  for (std::int64_t i = 0; i < half; ++i) {
    const double angle = step_angle(i, shape.size, shape.base);
    for (std::int64_t t = 0; t < shape.length; ++t) {
      cosines[t * half + i] = static_cast<float>(std::cos(static_cast<double>(t) * angle));
      sines[t * half + i] = static_cast<float>(std::sin(static_cast<double>(t) * angle));
    }
  }
  const float sign = turn == Turn::forward ? 1.0F : -1.0F;
  const std::int64_t rows = shape.batch * shape.length;
  parallel_ranges(rows, rows_grain(shape.width), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t t = row % shape.length * half;
      const float* from = x + row * shape.width;
      float* to = y + row * shape.width;
      for (std::int64_t c = 0; c < shape.columns; c += shape.size) {
        turn_head(half, cosines + t, sines + t, sign, from + c, to + c, accumulate);
      }
      for (std::int64_t c = shape.columns; c < shape.width; ++c) {
        to[c] = accumulate == Accumulate::yes ? to[c] + from[c] : from[c];
      }
    }
  });
}

}  // namespace raven::kernels
