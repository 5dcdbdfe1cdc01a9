#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "raven/graph/graph.hpp"

namespace raven {

/// Where a value lies while a plan runs.
struct Location {
  enum class Kind : std::uint8_t { none, workspace, input, parameter, gradient };
  Kind kind = Kind::none;
  /// Kind::workspace: offset in bytes. Otherwise: slot or ParameterId.
  std::size_t at = 0;
};

struct Operand {
  Location place;
  ValueType type;
};

struct Sink {
  Operand to;
  GradientSink::Mode mode = GradientSink::Mode::none;
};

/// One call, forward: everything resolved but for the addresses of workspace and bindings.
struct ForwardRun {
  std::uint32_t node = 0;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
  std::vector<Operand> saved;
};

/// One call, backward.
struct BackwardRun {
  std::uint32_t node = 0;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
  std::vector<Operand> saved;
  std::vector<Operand> output_gradients;
  std::vector<Sink> sinks;
  /// Set to zero before the call: gradients that nothing flows into, or that the call adds to
  /// twice.
  std::vector<Operand> clears;
  /// Complete after this call.
  std::vector<ParameterId> complete;
};

/// A tensor that whoever runs the plan must bind.
struct BoundType {
  Location::Kind kind = Location::Kind::input;
  std::uint32_t slot = 0;
  ValueType type;
};

/// What a plan does, in order.
struct Schedule {
  std::vector<ForwardRun> forward;
  std::vector<BackwardRun> backward;
  /// Gradient of the losses: ones. Without a place when nothing can be learned.
  Operand seed;
  /// Parameters that need no call to be complete: the loss is the parameter itself.
  std::vector<ParameterId> complete_at_once;
  std::vector<ParameterId> parameters;
  std::vector<BoundType> bound;
  std::vector<ParameterId> gradients;
  /// Location of each value: outputs of node n begin at first_value[n].
  std::vector<Location> values;
  std::vector<std::uint32_t> first_value;
  std::size_t workspace_bytes = 0;
  std::size_t unplanned_bytes = 0;
  /// The largest operands of one run, counted in views and in sinks.
  std::size_t most_views = 0;
  std::size_t most_sinks = 0;
  double flops = 0;
};

/// Decides what runs and where everything lies. @pre check(graph) passed
[[nodiscard]] Schedule make_schedule(const Graph& graph, bool training);

}  // namespace raven
