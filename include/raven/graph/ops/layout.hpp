#pragma once

#include <span>

#include "raven/graph/tape.hpp"

namespace raven {

/// The same elements under another shape of the same count. Costs nothing.
[[nodiscard]] Variable reshape(Variable x, const Shape& shape);
/// [n, ...] -> [n, everything else]. Costs nothing.
[[nodiscard]] Variable flatten(Variable x);

/// Side by side along the last dimension: [..., a], [..., b] -> [..., a + b].
[[nodiscard]] Variable concat(std::span<const Variable> parts);
/// Elements first .. first + count of the last dimension: [..., columns] -> [..., count].
[[nodiscard]] Variable slice(Variable x, std::int64_t first, std::int64_t count);

/// Class numbers or counts as real numbers: i32 -> f32. No gradient.
[[nodiscard]] Variable to_f32(Variable x);

}  // namespace raven
