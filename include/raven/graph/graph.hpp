#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/graph/op_def.hpp"

namespace raven {

/// A parameter of the job's model by its place in the ParameterStore.
struct ParameterId {
  std::uint32_t value = 0;
  auto operator<=>(const ParameterId&) const = default;
};

/// Output `output` of node `node`.
struct ValueRef {
  std::uint32_t node = 0;
  std::uint16_t output = 0;
  auto operator<=>(const ValueRef&) const = default;
};

/// What of the data an input of a graph is, by its slot. The first two serve all data; the others
/// tell where the samples of ragged data end: there a row of the first two is a token or a node of
/// a tree, and a graph of several samples has those of all of them, one after the other.
enum InputSlot : std::uint32_t {
  slot_features = 0,
  slot_targets = 1,
  slot_lengths = 2,  ///< i32 [samples]: tokens (of a tree: leaves) of each
  slot_parents = 3,  ///< i32 [nodes], trees: in postorder, the parent's number in its own tree; -1
  slot_nodes = 4,    ///< i32 [samples], trees: nodes of each
  slot_state = 5     ///< f32 [rows, numbers]: what Graph::state was for the windows before these
};

/// How many an executor knows.
constexpr std::size_t input_slots = 6;

/// Inputs of a graph are few: a slot is below this.
constexpr std::uint32_t max_input_slots = 16;

/// One line of the record: a value from outside or a call.
struct Node {
  enum class Kind : std::uint8_t { input = 1, parameter = 2, call = 3 };
  Kind kind = Kind::input;
  /// Kind::input: its InputSlot. Kind::parameter: its ParameterId.
  std::uint32_t slot = 0;
  /// Kind::parameter: a gradient is asked for. Running statistics have none.
  bool trainable = false;
  const OpDef* op = nullptr;       ///< Kind::call
  Attributes attributes;           ///< Kind::call
  std::vector<ValueRef> inputs;    ///< Kind::call; each refers to an earlier node
  std::vector<ValueType> outputs;  ///< one for inputs and parameters
  std::vector<ValueType> saved;    ///< Kind::call
};

/// A number that is reported but not trained on, such as how many answers were right: the sum of a
/// value's elements. What is made of names with a slash is told in cluster/metrics.hpp.
struct Metric {
  std::string name;
  ValueRef value;
};

/// A value that is merged into a running statistic (a parameter without gradient) by the master:
/// running = (1 - momentum) * running + momentum * mean over the snippets in snippet order.
struct Statistic {
  ParameterId into;
  ValueRef value;
  double momentum = 0.1;
};

/// What running a model once wrote down: nodes in topological order, and what is asked of them.
/// A plain value. Equal graphs have equal bytes and therefore equal digests.
struct Graph {
  std::vector<Node> nodes;
  /// Loss of each row, f32; the loss of a batch is sum(losses) / sum(weights) over all its
  /// snippets.
  std::optional<ValueRef> losses;
  /// Weight of each row, f32, no gradient.
  std::optional<ValueRef> weights;
  std::vector<Metric> metrics;
  std::vector<Statistic> statistics;
  /// What prediction returns (logits, values).
  std::optional<ValueRef> prediction;
  /// What goes on with each row's stream of windows, f32 [rows, numbers]: given to the graph of the
  /// next windows at slot_state, which has this type. A graph has both or neither. No gradient goes
  /// through it.
  std::optional<ValueRef> state;
};

[[nodiscard]] const ValueType& type_of(const Graph& graph, ValueRef value);

/// What a graph from outside may ask for at most.
struct GraphLimits {
  std::size_t nodes = 100'000;
  /// Inputs of one call.
  std::size_t inputs = 1024;
  /// Sum over all values that the graph names or makes: an upper bound of what running it costs, so
  /// that a small message can't demand a huge memory. Gradients may take as much again.
  std::uint64_t value_bytes = std::uint64_t{64} << 30U;
};

/// The rules that decode_graph() and Plan insist on beside those of single ops: references point to
/// earlier nodes, an input slot or parameter is one node only, losses and weights are [rows] of
/// f32, a state is [rows, numbers] of f32 and has its input.
/// @throws InputError
void check(const Graph& graph);

/// Canonical bytes, format in docs/formats/graph.md. Equal graphs have equal bytes.
[[nodiscard]] Bytes encode(const Graph& graph);
/// Rebuilds a graph from bytes that nobody vouches for. Shapes of calls are not read but inferred
/// again. What it returns encodes to the same bytes.
/// @param more ops that it may have beside those of op_table()
/// @throws InputError saying what is wrong: malformed, unknown op, a reference forward, too large.
[[nodiscard]] Graph decode_graph(ByteSpan bytes, const GraphLimits& limits = {}, OpRows more = {});
[[nodiscard]] Digest digest_of(const Graph& graph);

}  // namespace raven
