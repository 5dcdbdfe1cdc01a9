#pragma once

#include <cstdint>
#include <vector>

#include "raven/graph/graph.hpp"

namespace raven {

/// One piece of data under all its shapes: values that alias one another share a storage, and a
/// gradient.
struct Storage {
  enum class Kind : std::uint8_t { input, parameter, made };
  Kind kind = Kind::made;
  std::uint32_t slot = 0;  ///< of an input or parameter
  ValueType type;          ///< under its first shape
  /// Something trainable goes into it.
  bool learns = false;
  /// The loss depends on it, and it learns: its gradient is computed.
  bool has_gradient = false;
};

/// What has to run, and which way gradients go.
struct Dataflow {
  std::vector<Storage> storages;
  std::vector<std::uint32_t> storage_of_value;  ///< outputs of node n begin at first_value[n]
  std::vector<std::uint32_t> first_value;
  /// Calls that something asked for depends on, in the order of the record. Aliases do not run.
  std::vector<std::uint32_t> forward;
  /// Calls that gradients go through, last first.
  std::vector<std::uint32_t> backward;

  [[nodiscard]] std::uint32_t storage_of(ValueRef value) const {
    return storage_of_value[first_value[value.node] + value.output];
  }
};

/// @param training whether gradients are wanted
[[nodiscard]] Dataflow trace(const Graph& graph, bool training);

/// Outputs of a call that carry a gradient, and inputs that may receive one.
[[nodiscard]] std::uint16_t differentiable_outputs(const Node& call);
[[nodiscard]] std::size_t differentiable_inputs(const Node& call);

/// Calls `visit(ValueRef)` for everything that is asked of the graph.
template <class Visit>
void for_each_asked(const Graph& graph, Visit visit) {
  if (graph.losses) visit(*graph.losses);
  if (graph.weights) visit(*graph.weights);
  if (graph.prediction) visit(*graph.prediction);
  if (graph.state) visit(*graph.state);
  for (const Metric& metric : graph.metrics) visit(metric.value);
  for (const Statistic& statistic : graph.statistics) visit(statistic.value);
}

}  // namespace raven
