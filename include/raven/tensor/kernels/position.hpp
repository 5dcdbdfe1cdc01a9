#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// y = x + waves, x [batch, length, width]: position t gets sin(t f) in column 2i and cos(t f) in
/// column 2i + 1, f = 10000^(-2i / width) (Vaswani et al., 2017). y == x is allowed.
void add_sinusoidal(std::int64_t batch, std::int64_t length, std::int64_t width, const float* x,
                    float* y);

/// The same with a position told for each row: x [rows, width]. @pre positions are in [0, rows)
void add_sinusoidal_at(std::int64_t rows, std::int64_t width, const std::int32_t* positions,
                       const float* x, float* y);

struct RotaryShape {
  std::int64_t batch = 1;
  std::int64_t length = 1;
  std::int64_t width = 1;
  std::int64_t columns = 1;  ///< so many of the first are rotated, the others copied
  std::int64_t size = 2;     ///< of a head: even, a divisor of columns
  double base = 10000.0;
};

enum class Turn : std::uint8_t { forward, back };

/// Rotates columns i and i + size / 2 of each head by the angle t base^(-2i / size), t the position
/// (Su et al., 2021), or back. y (+)= ; y == x is allowed when not accumulating.
void rotate_positions(const RotaryShape& shape, Turn turn, const float* x, float* y,
                      Accumulate accumulate = Accumulate::no);

}  // namespace raven::kernels
