#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

// Rows x [rows, ...] of samples one after the other; lengths i32 [samples], each at least 1,
// together rows -> [samples, ...]. @throws InputError, when it is run, where lengths are otherwise.

[[nodiscard]] Variable segment_sum(Variable x, Variable lengths);
[[nodiscard]] Variable segment_mean(Variable x, Variable lengths);
/// Equal numbers: the first has the gradient.
[[nodiscard]] Variable segment_max(Variable x, Variable lengths);
/// The last row of each: of a tree in postorder its root.
[[nodiscard]] Variable last_rows(Variable x, Variable lengths);
[[nodiscard]] Variable first_rows(Variable x, Variable lengths);

/// Rows added into zeros: x [n, ...], indices i32 [n] -> [entries, ...]. @throws InputError, when
/// it is run, for an index outside
[[nodiscard]] Variable scatter(Variable x, Variable indices, std::int64_t entries);

/// x, but `value` where the mask is not 0. The mask, of either type, has the shape of x or of its
/// first dimensions: one number then serves all that is behind it. What is filled has no gradient.
[[nodiscard]] Variable masked_fill(Variable x, Variable mask, double value);

}  // namespace raven
