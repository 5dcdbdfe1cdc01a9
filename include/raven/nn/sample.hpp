#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "raven/graph/ops/loss.hpp"
#include "raven/graph/ops/metric.hpp"
#include "raven/graph/tape.hpp"

namespace raven {

/// What one sample is made of, as numbers: by InputSlot, without data where there is none. Rows of
/// features are one, or the tokens of ragged data.
struct SampleData {
  ConstView features;
  ConstView targets;
  ConstView lengths;
  ConstView parents;
  ConstView nodes;
};

/// A sample as a model written in C++ sees it while its graph is recorded: the numbers to look at,
/// and variables that stand for them in the graph. A model says through it what it makes of the
/// sample. Lives only during the call.
class Sample {
 public:
  Sample(Tape& tape, const SampleData& data);

  /// Rows of the features: tokens of a sentence, leaves of a tree, else 1.
  [[nodiscard]] std::int64_t size() const { return features_.shape()[0]; }
  /// The tokens themselves. Empty when the features are real numbers.
  [[nodiscard]] std::span<const std::int32_t> tokens() const;
  /// Of a tree: by node in postorder, the number of its parent; -1 for the root, which is the last.
  [[nodiscard]] std::span<const std::int32_t> parents() const;
  [[nodiscard]] bool training() const { return tape_->training(); }

  [[nodiscard]] Tape& tape() const { return *tape_; }
  [[nodiscard]] Variable features() const { return features_; }
  /// One class or some real numbers for the sample, or a class for each token or node.
  [[nodiscard]] Variable targets() const { return targets_; }
  /// i32 [1]: for layers and ops on ragged data.
  [[nodiscard]] Variable lengths() const { return lengths_; }

  // What the model makes of it. Every sample must be given the same of these.

  void predict(Variable prediction) const { tape_->set_prediction(prediction); }
  void learn(const RowLosses& loss) const { tape_->set_loss(loss.losses, loss.weights); }
  /// Numbers of which the mean over all of all samples is told, however many each sample has.
  void report(const std::string& name, Variable metric) const;
  /// sum(metric) / sum(counted) over all samples: a mean over what `counted` is 1 for.
  void report(const std::string& name, Variable metric, Variable counted) const;
  /// The share of targets that are among the best, of those that ask for a class: class_hits().
  void report(const std::string& name, const ClassHits& found) const;

 private:
  Tape* tape_;
  const SampleData& data_;
  Variable features_;
  Variable targets_;
  Variable lengths_;
};

}  // namespace raven
