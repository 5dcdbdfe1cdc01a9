#include "dataflow.hpp"

#include <algorithm>

namespace raven {
namespace {

bool is_alias(const Node& node) { return node.kind == Node::Kind::call && node.op->aliases_input; }

void make_storages(const Graph& graph, Dataflow& flow) {
  flow.first_value.reserve(graph.nodes.size());
  flow.storage_of_value.reserve(graph.nodes.size());
  flow.storages.reserve(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    flow.first_value.push_back(static_cast<std::uint32_t>(flow.storage_of_value.size()));
    if (is_alias(node)) {
      flow.storage_of_value.push_back(flow.storage_of(node.inputs.front()));
      continue;
    }
    for (const ValueType& type : node.outputs) {
      Storage storage{.slot = node.slot, .type = type, .learns = node.trainable};
      if (node.kind == Node::Kind::input) storage.kind = Storage::Kind::input;
      if (node.kind == Node::Kind::parameter) storage.kind = Storage::Kind::parameter;
      flow.storage_of_value.push_back(static_cast<std::uint32_t>(flow.storages.size()));
      flow.storages.push_back(storage);
    }
  }
}

/// By node: whether anything that is asked for depends on it.
std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for_each_asked(graph, [&](ValueRef value) { needed[value.node] = true; });
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    if (!needed[n]) continue;
    for (const ValueRef value : graph.nodes[n].inputs) needed[value.node] = true;
  }
  return needed;
}

/// Whether a differentiable input learns, so that the call's outputs do, too.
bool learns(const Node& call, const Dataflow& flow) {
  if (call.op->backward == nullptr) return false;
  const auto end = call.inputs.begin() + static_cast<std::ptrdiff_t>(differentiable_inputs(call));
  return std::any_of(call.inputs.begin(), end,
                     [&](ValueRef value) { return flow.storages[flow.storage_of(value)].learns; });
}

void trace_gradients(const Graph& graph, Dataflow& flow) {
  for (const std::uint32_t n : flow.forward) {
    const Node& call = graph.nodes[n];
    if (!learns(call, flow)) continue;
    for (std::uint16_t o = 0; o < differentiable_outputs(call); ++o) {
      flow.storages[flow.storage_of({n, o})].learns = true;
    }
  }
  Storage& losses = flow.storages[flow.storage_of(*graph.losses)];
  losses.has_gradient = losses.learns;
  for (std::size_t i = flow.forward.size(); i-- > 0;) {
    const std::uint32_t n = flow.forward[i];
    const Node& call = graph.nodes[n];
    if (!learns(call, flow)) continue;
    bool reached = false;
    for (std::uint16_t o = 0; o < differentiable_outputs(call); ++o) {
      reached = reached || flow.storages[flow.storage_of({n, o})].has_gradient;
    }
    if (!reached) continue;
    flow.backward.push_back(n);
    for (std::size_t k = 0; k < differentiable_inputs(call); ++k) {
      Storage& input = flow.storages[flow.storage_of(call.inputs[k])];
      input.has_gradient = input.learns;
    }
  }
}

}  // namespace

std::uint16_t differentiable_outputs(const Node& call) {
  return static_cast<std::uint16_t>(
      std::min<std::size_t>(call.op->differentiable_outputs, call.outputs.size()));
}

std::size_t differentiable_inputs(const Node& call) {
  return std::min<std::size_t>(call.op->differentiable_inputs, call.inputs.size());
}

Dataflow trace(const Graph& graph, bool training) {
  Dataflow flow;
  make_storages(graph, flow);
  const std::vector<bool> needed = needed_nodes(graph);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (needed[n] && node.kind == Node::Kind::call && !is_alias(node)) flow.forward.push_back(n);
  }
  if (training && graph.losses) trace_gradients(graph, flow);
  return flow;
}

}  // namespace raven
