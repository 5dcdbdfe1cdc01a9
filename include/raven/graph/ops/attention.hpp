#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

struct AttentionOptions {
  std::int64_t heads = 1;  ///< divides the width
  bool causal = false;     ///< a position sees itself and what stands before it
};

/// softmax(q k^T / sqrt(width / heads)) v for each head: queries [n, t, width], keys and values
/// [n, s, width] -> [n, t, width].
/// @param lengths [n] of i32 or empty: from there on keys are padding, which nobody sees
/// @throws InputError when the shapes do not fit together
[[nodiscard]] Variable attention(Variable queries, Variable keys, Variable values,
                                 Variable lengths = {}, const AttentionOptions& options = {});
/// The same with queries, keys and values side by side, as one linear layer makes them:
/// [n, t, 3 width] -> [n, t, width].
[[nodiscard]] Variable self_attention(Variable packed, Variable lengths = {},
                                      const AttentionOptions& options = {});

/// self_attention() of sequences of any length, one after the other without padding, each within
/// itself: packed [tokens, 3 width], lengths [sequences] of i32 -> [tokens, width]. Running it
/// throws InputError when the lengths are not those of so many tokens.
[[nodiscard]] Variable ragged_attention(Variable packed, Variable lengths,
                                        const AttentionOptions& options = {});

/// x plus waves that tell the position: [n, t, width], column 2i and 2i + 1 the sine and cosine of
/// t 10000^(-2i / width).
[[nodiscard]] Variable add_sinusoidal_positions(Variable x);

/// The same with a position told for each row: [rows, width], i32 [rows] from 0 to below rows.
[[nodiscard]] Variable add_sinusoidal_positions(Variable x, Variable positions);
/// Positions of tokens in their sequences, which stand one after the other: lengths [sequences] of
/// i32, anything with a row for each token -> [tokens] of i32. Running it throws InputError when
/// the lengths are not those of so many tokens.
[[nodiscard]] Variable sequence_positions(Variable lengths, Variable tokens);

/// Turns queries and keys by angles that tell the position (rotary embedding): [n, t, width], of
/// which the first `columns` are heads of `size` numbers, columns i and i + size / 2 being a pair.
[[nodiscard]] Variable rotate_positions(Variable x, std::int64_t columns, std::int64_t size,
                                        double base = 10000.0);

}  // namespace raven
