#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "raven/graph/graph.hpp"
#include "raven/snippet/tree.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// What is asked of a snippet.
enum class Purpose : std::uint8_t {
  train = 1,     ///< gradients, loss, statistics
  evaluate = 2,  ///< loss and metrics
  predict = 3    ///< the prediction itself
};

/// The smallest piece of work: a pure function of what stands here, the graph and the parameters.
struct Snippet {
  std::uint32_t index = 0;  ///< number in its step: its leaf in the tree
  Digest graph;             ///< of a graph recorded for as many rows
  std::int64_t first = 0;   ///< position of its first row in the batch, for random keys
  std::int64_t rows = 0;
};

/// Numbers that come out of a snippet beside its gradients.
struct SnippetStats {
  std::uint32_t index = 0;
  double loss = 0;              ///< sum over its rows
  double weight = 0;            ///< sum over its rows; the batch's loss is sum(loss) / sum(weight)
  std::vector<double> metrics;  ///< in the graph's order, sums over rows
  std::vector<Tensor> statistics;  ///< in the graph's order
  Tensor prediction;               ///< Purpose::predict only
  Tensor state;                    ///< what the next windows of its rows go on from, if anything
  std::uint64_t compute_ns = 0;
};

/// Cuts `rows` into `pieces` runs of nearly equal length, longer ones first; fewer when there are
/// fewer rows. A function of the two numbers alone. The graphs are left empty.
[[nodiscard]] std::vector<Snippet> cut_batch(std::int64_t rows, std::int64_t pieces);

}  // namespace raven
