#include "raven/graph/tape.hpp"

#include "raven/core/error.hpp"

namespace raven {

const ValueType& Variable::type() const { return type_of(tape_->graph_, ref_); }

Variable Tape::input(std::uint32_t slot, const ValueType& type) {
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    if (node.kind == Node::Kind::input && node.slot == slot) {
      expects(node.outputs.front() == type, "an input slot has one type");
      return {this, {i, 0}};
    }
  }
  Node& node = graph_.nodes.emplace_back();
  node.kind = Node::Kind::input;
  node.slot = slot;
  node.outputs = {type};
  return {this, {static_cast<std::uint32_t>(graph_.nodes.size() - 1), 0}};
}

Variable Tape::parameter(const ParameterStore& store, ParameterId id) {
  if (id.value >= node_of_parameter_.size()) node_of_parameter_.resize(id.value + 1U, no_node);
  std::uint32_t& place = node_of_parameter_[id.value];
  if (place == no_node) {
    place = static_cast<std::uint32_t>(graph_.nodes.size());
    Node& node = graph_.nodes.emplace_back();
    node.kind = Node::Kind::parameter;
    node.slot = id.value;
    node.trainable = store[id].trainable;
    node.outputs = {store[id].value.type()};
  }
  return {this, {place, 0}};
}

Variable Tape::call(const OpDef& op, std::span<const Variable> inputs, Attributes attributes) {
  ValueType types[16];
  expects(inputs.size() <= std::size(types), "a call has at most 16 inputs");
  Node node;
  node.kind = Node::Kind::call;
  node.op = &op;
  node.inputs.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    expects(inputs[i].tape_ == this, "all inputs of a call are on one tape");
    types[i] = inputs[i].type();
    node.inputs.push_back(inputs[i].ref_);
  }
  CallTypes made = op.infer({types, inputs.size()}, attributes);
  node.attributes = std::move(attributes);
  node.outputs = std::move(made.outputs);
  node.saved = std::move(made.saved);
  graph_.nodes.push_back(std::move(node));
  return {this, {static_cast<std::uint32_t>(graph_.nodes.size() - 1), 0}};
}

Variable Tape::output(Variable first, std::uint16_t index) {
  expects(index < graph_.nodes[first.ref_.node].outputs.size(), "an output that the call has");
  return {this, {first.ref_.node, index}};
}

void Tape::set_loss(Variable losses, Variable weights) {
  expects(!graph_.losses, "a tape has one loss");
  graph_.losses = losses.ref_;
  graph_.weights = weights.ref_;
}

void Tape::set_prediction(Variable value) { graph_.prediction = value.ref_; }

void Tape::add_metric(std::string name, Variable value) {
  graph_.metrics.push_back({std::move(name), value.ref_});
}

void Tape::add_statistic(ParameterId into, Variable value, double momentum) {
  graph_.statistics.push_back({into, value.ref_, momentum});
}

}  // namespace raven
