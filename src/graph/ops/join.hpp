#pragma once

#include "raven/graph/op_def.hpp"

namespace raven {

// What rows of the op table say of how their calls join (OpDef::row_inputs). The test of
// gradient_check.hpp runs every op apart and joined.

/// Whether that input has rows: a single number has none.
[[nodiscard]] inline bool has_rows(std::span<const ValueType> inputs, std::size_t i) {
  return inputs[i].shape.rank() > 0;
}

/// Input 0 by rows, each for itself; the others (weights) are shared.
[[nodiscard]] inline std::uint64_t first_by_rows(std::span<const ValueType> inputs,
                                                 const Attributes&) {
  return has_rows(inputs, 0) ? 1 : 0;
}

/// The same where the last dimension belongs together, so that a vector is a single row.
[[nodiscard]] inline std::uint64_t matrix_by_rows(std::span<const ValueType> inputs,
                                                  const Attributes&) {
  return inputs[0].shape.rank() > 1 ? 1 : 0;
}

/// All inputs by rows.
[[nodiscard]] inline std::uint64_t all_by_rows(std::span<const ValueType> inputs,
                                               const Attributes&) {
  if (inputs.empty() || inputs.size() > 64) return 0;
  return ~std::uint64_t{0} >> (64U - inputs.size());
}

}  // namespace raven
