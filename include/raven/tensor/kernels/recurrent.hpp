#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// tanh: h' = tanh(x + W h).
/// gru:  r, z = sigmoid(x + W h), n = tanh(x + r (W h + b)), h' = (1 - z) n + z h (Cho et al.,
/// 2014). lstm: i, f, o = sigmoid(x + W h), g = tanh(x + W h), c' = f c + i g, h' = o tanh(c')
/// (Gers et al.,
///       2000). Blocks of x and W in PyTorch's order: r z n, and i f g o.
enum class Cell : std::uint8_t { tanh = 1, gru = 3, lstm = 4 };

/// Blocks of `size` numbers that a cell makes of its input.
[[nodiscard]] constexpr std::int64_t gates_of(Cell cell) { return static_cast<std::int64_t>(cell); }
/// Numbers kept of each position beside the gates.
[[nodiscard]] constexpr std::int64_t extras_of(Cell cell) { return cell == Cell::tanh ? 0 : 1; }

struct RecurrentShape {
  Cell cell = Cell::tanh;
  std::int64_t batch = 1;
  std::int64_t length = 1;
  std::int64_t size = 1;  ///< of the state
  bool reverse = false;   ///< from the last position to the first
};

/// The state that a cell begins with: h, and c of an lstm, each [batch, size]; null: zeros. It is a
/// constant, no gradient goes back into it.
struct InitialState {
  const float* h = nullptr;
  const float* c = nullptr;
};

/// Runs a cell along sequences.
/// @param x      [batch, length, gates size], what the input contributes
/// @param weight [gates size, size]
/// @param bias   [size], gru only
/// @param gates  [batch, length, gates size], kept for the way back: activated; may not be x
/// @param extras [batch, length, size], kept for the way back: lstm its c, gru W h + b of n
/// @param y      [batch, length, size]
void recurrent_forward(const RecurrentShape& shape, const InitialState& initial, const float* x,
                       const float* weight, const float* bias, float* gates, float* extras,
                       float* y);

/// Gradients; null for what nobody wants. dx is assigned, the others are as their mode says.
struct RecurrentGradients {
  float* dx = nullptr;
  float* dweight = nullptr;
  Accumulate weight_mode = Accumulate::no;
  float* dbias = nullptr;
  Accumulate bias_mode = Accumulate::no;
};
/// @param initial as it was given to recurrent_forward
void recurrent_backward(const RecurrentShape& shape, const InitialState& initial,
                        const float* weight, const float* gates, const float* extras,
                        const float* y, const float* dy, const RecurrentGradients& to);

}  // namespace raven::kernels
