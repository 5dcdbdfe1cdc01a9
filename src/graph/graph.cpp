#include "raven/graph/graph.hpp"

#include <algorithm>
#include <unordered_set>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

[[noreturn]] void reject(std::string problem) {
  throw InputError("a graph can't be used: " + std::move(problem),
                   "the sender runs another version of raven, or damaged it on the way");
}

std::string at_node(std::size_t node) { return "node " + std::to_string(node); }

/// @return the type of a value that is asked of the graph
const ValueType& asked(const Graph& graph, ValueRef ref, const char* what) {
  if (ref.node >= graph.nodes.size() || ref.output >= graph.nodes[ref.node].outputs.size()) {
    reject(std::string(what) + " refers to a value that is not there");
  }
  const ValueType& type = type_of(graph, ref);
  if (type.dtype != DType::f32) reject(std::string(what) + " is not of f32");
  return type;
}

void check_state(const Graph& graph) {
  const auto given = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return node.kind == Node::Kind::input && node.slot == slot_state;
  });
  if ((given != graph.nodes.end()) != graph.state.has_value()) {
    reject("it is given a state and makes none, or makes one and is given none");
  }
  if (!graph.state) return;
  const ValueType& made = asked(graph, *graph.state, "the state");
  if (made.shape.rank() != 2 || made != given->outputs.front()) {
    reject("the state that it makes is " + to_string(made.shape) + ", the one that it is given " +
           to_string(given->outputs.front().shape));
  }
}

void check_asked(const Graph& graph) {
  if (graph.losses.has_value() != graph.weights.has_value()) {
    reject("it has losses without weights, or weights without losses");
  }
  if (graph.losses) {
    const ValueType& losses = asked(graph, *graph.losses, "the loss");
    const ValueType& weights = asked(graph, *graph.weights, "the weight");
    if (losses.shape.rank() != 1 || losses != weights) reject("losses and weights must be [rows]");
  }
  if (graph.prediction) asked(graph, *graph.prediction, "the prediction");
  check_state(graph);
  for (const Metric& metric : graph.metrics) asked(graph, metric.value, "a metric");
  for (const Statistic& statistic : graph.statistics) {
    asked(graph, statistic.value, "a statistic");
    if (!(statistic.momentum >= 0 && statistic.momentum <= 1)) {
      reject("the momentum of a statistic is not between 0 and 1");
    }
  }
}

}  // namespace

const ValueType& type_of(const Graph& graph, ValueRef value) {
  expects(value.node < graph.nodes.size() && value.output < graph.nodes[value.node].outputs.size(),
          "a value that is asked for is in the graph");
  return graph.nodes[value.node].outputs[value.output];
}

void check(const Graph& graph) {
  std::unordered_set<std::uint32_t> slots;
  std::unordered_set<std::uint32_t> parameters;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (node.kind == Node::Kind::call) {
      for (const ValueRef ref : node.inputs) {
        if (ref.node >= n || ref.output >= graph.nodes[ref.node].outputs.size()) {
          reject(at_node(n) + " refers to a value that is not made before it");
        }
      }
    } else if (node.kind == Node::Kind::input) {
      if (node.slot >= max_input_slots) reject(at_node(n) + " asks for an unknown input");
      if (!slots.insert(node.slot).second) reject(at_node(n) + " repeats an input");
    } else {
      if (!parameters.insert(node.slot).second) reject(at_node(n) + " repeats a parameter");
      if (node.trainable && node.outputs.front().dtype != DType::f32) {
        reject(at_node(n) + " is a trainable parameter that is not of f32");
      }
    }
  }
  check_asked(graph);
}

Digest digest_of(const Graph& graph) { return digest_of(ByteSpan(encode(graph))); }

}  // namespace raven
