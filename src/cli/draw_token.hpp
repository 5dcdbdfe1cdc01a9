#pragma once

#include <cstdint>
#include <span>

namespace raven {

/// How bold the next token may be.
struct DrawRule {
  double temperature = 1;  ///< logits are divided by it; 0: always the likeliest token
  std::int64_t top_k = 0;  ///< only so many of the likeliest; 0: all
  /// Only the fewest of the likeliest whose shares add up to this (nucleus sampling, Holtzman et
  /// al., 2020), after temperature and top_k; 1: all.
  double top_p = 1;
};

/// Draws a token from softmax(logits / temperature), cut as the rule says. A pure function: equal
/// tokens stand in the order of their numbers.
/// @param unit evenly distributed in [0, 1)
/// @pre there are logits
[[nodiscard]] std::int32_t draw_token(std::span<const float> logits, const DrawRule& rule,
                                      double unit);

}  // namespace raven
