#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

/// Rows of a table by number: indices [...] of i32, table [entries, width] -> [..., width].
/// Running it throws InputError when an index is outside [0, entries).
/// @param padding_index rows with this index get no gradient; -1 for none
[[nodiscard]] Variable embedding(Variable indices, Variable table, std::int64_t padding_index = -1);

/// Rows of x [entries, ...] by number: indices [...] -> [..., the other dimensions of x]. A row
/// that is taken twice gets both gradients.
[[nodiscard]] Variable gather(Variable x, Variable indices);

}  // namespace raven
