#pragma once

#include <span>
#include <vector>

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

/// The same along any dimension, counted from 0.
[[nodiscard]] Variable concat(std::span<const Variable> parts, std::size_t axis);
[[nodiscard]] Variable slice(Variable x, std::size_t axis, std::int64_t first, std::int64_t count);
/// Cuts a dimension into parts of these sizes, in order. @throws InputError unless they add up to
/// it
[[nodiscard]] std::vector<Variable> split(Variable x, std::size_t axis,
                                          std::span<const std::int64_t> counts);

/// Rows first .. first + count of one of several values.
struct RowRun {
  std::size_t input = 0;
  std::int64_t first = 0;
  std::int64_t count = 1;
};
/// Runs of rows, one after the other: values [n_i, ...] of one type -> [sum of counts, ...]. Rows
/// may be picked several times; their gradients are added in the order of the runs.
/// @throws InputError when a run leaves its value
[[nodiscard]] Variable pick(std::span<const Variable> values, std::span<const RowRun> runs);

/// Class numbers or counts as real numbers: i32 -> f32. No gradient.
[[nodiscard]] Variable to_f32(Variable x);

}  // namespace raven
