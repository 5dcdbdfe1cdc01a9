#pragma once

#include <cstdint>

#include "raven/graph/tape.hpp"

namespace raven {

/// Adds up along one dimension, which disappears: [n, t, d] along 1 -> [n, d].
[[nodiscard]] Variable sum(Variable x, std::size_t axis);
[[nodiscard]] Variable mean(Variable x, std::size_t axis);

/// Adds up all but the first dimension: [n, ...] -> [n].
[[nodiscard]] Variable row_sum(Variable x);
[[nodiscard]] Variable row_mean(Variable x);

}  // namespace raven
