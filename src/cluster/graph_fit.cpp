#include "cluster/graph_fit.hpp"

#include <algorithm>

namespace raven {
namespace {

bool is_parameter(const Node& node, std::span<const ValueType> parameters) {
  return node.slot < parameters.size() && node.outputs.front() == parameters[node.slot];
}

}  // namespace

bool batch_fits(const Graph& graph, std::int64_t rows, const SampleSchema& schema,
                std::span<const ValueType> parameters, std::int64_t carried) {
  if (graph.state.has_value() != (carried > 0)) return false;
  return std::all_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    if (node.kind == Node::Kind::call) return true;
    if (node.kind == Node::Kind::parameter) return is_parameter(node, parameters);
    if (node.slot == slot_state) {
      return node.outputs.front() == ValueType{DType::f32, {rows, carried}};
    }
    if (node.slot == slot_features) return node.outputs.front() == schema.features(rows);
    return node.slot == slot_targets && node.outputs.front() == schema.targets(rows);
  });
}

bool sample_fits(const Graph& graph, const SampleSchema& schema,
                 std::span<const ValueType> parameters) {
  return std::all_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    if (node.kind == Node::Kind::call) return true;
    if (node.kind == Node::Kind::parameter) return is_parameter(node, parameters);
    const ValueType& type = node.outputs.front();
    if (type.shape.rank() == 0 || type.shape[0] < 1) return false;
    if (node.slot == slot_features) return type == schema.features(type.shape[0]);
    if (node.slot == slot_targets) return type == schema.targets(type.shape[0]);
    return node.slot < input_slots && type.dtype == DType::i32 && type.shape.rank() == 1;
  });
}

}  // namespace raven
