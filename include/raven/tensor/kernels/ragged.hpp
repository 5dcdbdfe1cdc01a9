#pragma once

#include <cstdint>

#include "raven/tensor/kernels/recurrent.hpp"

namespace raven::kernels {

/// Sequences of different lengths, one after the other without padding.
struct RaggedShape {
  Cell cell = Cell::tanh;
  std::int64_t sequences = 1;
  std::int64_t tokens = 1;  ///< of all sequences
  std::int64_t size = 1;    ///< of the state
  bool reverse = false;     ///< from the last token of each to its first
};

/// Runs a cell along all sequences at once, from states of zeros. Each step is one product of as
/// many rows as there are sequences that long; rows are brought into the order of steps once on the
/// way in and once on the way out. On the calling thread: one step depends on the one before, and
/// snippets fill the other cores. Bits of a sequence do not depend on those beside it.
/// @param x       [tokens, gates size], what the input contributes
/// @param lengths [sequences], each at least 1
/// @param weight  [gates size, size]
/// @param bias    [size], gru only
/// @param gates   [tokens, gates size], kept for the way back, by steps: activated
/// @param extras  [tokens, size], kept for the way back, by steps: lstm its c, gru W h + b of n
/// @param states  [tokens, size], kept for the way back, by steps: h
/// @param y       [tokens, size]
/// @return rows of all products: tokens without the first of each sequence
/// @throws InputError when a length is below 1 or they don't add up to tokens
std::int64_t ragged_forward(const RaggedShape& shape, const float* x, const std::int32_t* lengths,
                            const float* weight, const float* bias, float* gates, float* extras,
                            float* states, float* y);

/// Gradients; null for what nobody wants.
struct RaggedGradients {
  float* dx = nullptr;
  Accumulate x_mode = Accumulate::no;
  float* dweight = nullptr;
  Accumulate weight_mode = Accumulate::no;
  float* dbias = nullptr;
  Accumulate bias_mode = Accumulate::no;
};
/// The gradient of the weight is one product over all tokens.
void ragged_backward(const RaggedShape& shape, const std::int32_t* lengths, const float* weight,
                     const float* gates, const float* extras, const float* states, const float* dy,
                     const RaggedGradients& to);

}  // namespace raven::kernels
