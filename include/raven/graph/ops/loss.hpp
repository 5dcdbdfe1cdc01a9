#pragma once

#include <cstdint>
#include <vector>

#include "raven/graph/tape.hpp"

namespace raven {

/// A loss for each row and how much the row counts, both [rows]: the loss of a batch is
/// sum(losses) / sum(weights), which is PyTorch's reduction='mean'. Weights carry no gradient.
struct RowLosses {
  Variable losses;
  Variable weights;
};

struct CrossEntropyChoice {
  double label_smoothing = 0.0;         ///< 0 .. 1
  std::int64_t ignore_index = -100;     ///< rows with this target count nothing
  std::vector<double> class_weights{};  ///< one for each class, or empty for all ones
};

/// Cross entropy of softmax(logits): logits [..., classes], targets [...] of i32 -> one loss for
/// each target. Running it throws InputError when a target is neither a class nor ignore_index.
[[nodiscard]] RowLosses cross_entropy(Variable logits, Variable targets,
                                      const CrossEntropyChoice& choice = {});

/// Sum over the row of (y - target)^2: y and targets [n, ...] with as many elements in a row ->
/// [n]; the weight of a row is its number of elements. Targets are constants in all losses.
[[nodiscard]] RowLosses mse(Variable y, Variable targets);

/// Squared (halved) below delta, linear above.
[[nodiscard]] RowLosses huber(Variable y, Variable targets, double delta = 1.0);

/// Binary cross entropy of sigmoid(logits) against targets in [0, 1].
/// @param positive_weight weighs the term of target 1: one for each element of a row, or empty
[[nodiscard]] RowLosses bce_with_logits(Variable logits, Variable targets,
                                        std::vector<double> positive_weight = {});

}  // namespace raven
