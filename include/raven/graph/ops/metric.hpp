#pragma once

#include <cstdint>

#include "raven/graph/tape.hpp"

namespace raven {

// For Tape::add_metric: a number for each row, without gradient; the sum over the batch divided by
// its rows is the metric.

/// 1 where the first largest logit is the target's: logits [..., classes], targets [...] of i32 ->
/// one for each target. Targets that are no class count 0.
[[nodiscard]] Variable accuracy(Variable logits, Variable targets);
/// 1 where fewer than k logits are larger than the target's.
[[nodiscard]] Variable top_k_accuracy(Variable logits, Variable targets, std::int64_t k);
/// What accuracy (k = 1) and top-k accuracy are made of where not every place asks for something,
/// one number for each target: sum(hits) / sum(counted).
struct ClassHits {
  Variable hits;     ///< 1 where the target counts and fewer than k logits are larger than its own
  Variable counted;  ///< 1 where the target is a class other than `ignored`
};
[[nodiscard]] ClassHits class_hits(Variable logits, Variable targets, std::int64_t k = 1,
                                   std::int64_t ignored = -100);
/// What the F1 measure over all classes but `without` (-1: over all) is made of, one number for
/// each target: 2 sum(hits) / (sum(told) + sum(truth)). Targets that are no class, or `ignored`,
/// count nothing.
struct F1Counts {
  Variable hits;   ///< 1 where the first largest logit is the target's, unless that is `without`
  Variable told;   ///< 1 where it is of a class other than `without`
  Variable truth;  ///< 1 where the target is of a class other than `without`
};
[[nodiscard]] F1Counts f1_counts(Variable logits, Variable targets, std::int64_t without = -1,
                                 std::int64_t ignored = -100);
/// Mean of |y - target| over the row: [n, ...] -> [n].
[[nodiscard]] Variable absolute_error(Variable y, Variable targets);
/// Share of the row's elements where logit > 0 agrees with target > 0.5.
[[nodiscard]] Variable binary_accuracy(Variable logits, Variable targets);

}  // namespace raven
