#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

/// Which way a cell goes along a sequence.
enum class Direction : std::uint8_t { forward, reverse };

// A cell along sequences, from a state of zeros: x [n, length, gates size], what the input
// contributes, as one linear layer makes it for all positions at once; weight [gates size, size] ->
// the state at each position [n, length, size]. Blocks of x and weight stand in PyTorch's order.

/// h' = tanh(x + W h); one gate.
[[nodiscard]] Variable rnn(Variable x, Variable weight, Direction direction = Direction::forward);
/// r, z = sigmoid(x + W h), n = tanh(x + r (W h + bias)), h' = (1 - z) n + z h; blocks r z n.
[[nodiscard]] Variable gru(Variable x, Variable weight, Variable bias,
                           Direction direction = Direction::forward);
/// i, f, o = sigmoid(x + W h), g = tanh(x + W h), c' = f c + i g, h' = o tanh(c'); blocks i f g o.
[[nodiscard]] Variable lstm(Variable x, Variable weight, Direction direction = Direction::forward);

/// What a cell goes on from: h, and c of an lstm (else empty), each [n, size].
struct RecurrentState {
  Variable h;
  Variable c;
};

/// The states at each position, and that after the last one in the cell's direction. The latter is
/// a constant.
struct ContinuedStates {
  Variable y;
  RecurrentState last;
};

// The same from a given state, such as the last one of the text that stands before. It is a
// constant: no gradient goes back into it.

[[nodiscard]] ContinuedStates rnn_from(const RecurrentState& state, Variable x, Variable weight,
                                       Direction direction = Direction::forward);
[[nodiscard]] ContinuedStates gru_from(const RecurrentState& state, Variable x, Variable weight,
                                       Variable bias, Direction direction = Direction::forward);
[[nodiscard]] ContinuedStates lstm_from(const RecurrentState& state, Variable x, Variable weight,
                                        Direction direction = Direction::forward);

// The same over sequences of different lengths, one after the other without padding: x [tokens,
// gates size], lengths i32 [sequences], each at least 1, together tokens -> [tokens, size]. @throws
// InputError, when it is run, where lengths are otherwise.

[[nodiscard]] Variable ragged_rnn(Variable x, Variable lengths, Variable weight,
                                  Direction direction = Direction::forward);
[[nodiscard]] Variable ragged_gru(Variable x, Variable lengths, Variable weight, Variable bias,
                                  Direction direction = Direction::forward);
[[nodiscard]] Variable ragged_lstm(Variable x, Variable lengths, Variable weight,
                                   Direction direction = Direction::forward);

}  // namespace raven
