#include "raven/graph/tape.hpp"

#include <array>

#include "raven/core/error.hpp"

namespace raven {
namespace {

void expect_f32(const ValueType& type, const char* what) {
  if (type.dtype == DType::f32) return;
  throw InputError(std::string(what) + " is of " + std::string(to_string(type.dtype)) +
                       ", but only real numbers (f32) can be asked of a graph",
                   "convert it with to_f32()");
}

}  // namespace

const ValueType& Variable::type() const {
  expects(tape_ != nullptr, "a variable that is used was made by a tape");
  return type_of(tape_->graph_, ref_);
}

Variable Tape::outside(Node::Kind kind, std::uint32_t slot, bool trainable, const ValueType& type) {
  std::vector<std::uint32_t>& known = kind == Node::Kind::input ? input_nodes_ : parameter_nodes_;
  if (slot >= known.size()) known.resize(std::size_t{slot} + 1);
  if (known[slot] == 0) {
    Node& node = graph_.nodes.emplace_back();
    node.kind = kind;
    node.slot = slot;
    node.trainable = trainable;
    node.outputs.push_back(type);
    known[slot] = static_cast<std::uint32_t>(graph_.nodes.size());
  }
  const ValueRef ref{known[slot] - 1, 0};
  if (type_of(graph_, ref) != type) {
    throw InputError("input " + std::to_string(slot) + " is asked for as " + to_string(type.shape) +
                         ", but before as " + to_string(type_of(graph_, ref).shape),
                     "ask for it with one shape and type, and reshape the variable");
  }
  return {this, ref};
}

Variable Tape::input(std::uint32_t slot, const ValueType& type) {
  expects(slot < max_input_slots, "an input has one of few slots");
  return outside(Node::Kind::input, slot, false, type);
}

Variable Tape::input(std::uint32_t slot) {
  if (slot >= input_nodes_.size() || input_nodes_[slot] == 0) {
    throw InputError("input " + std::to_string(slot) + " is not there",
                     "use data that has it, such as trees");
  }
  return {this, {input_nodes_[slot] - 1, 0}};
}

Variable Tape::parameter(const ParameterStore& store, ParameterId id) {
  const Parameter& parameter = store[id];
  return outside(Node::Kind::parameter, id.value, parameter.trainable, parameter.value.type());
}

Variable Tape::call(const OpDef& op, std::span<const Variable> inputs, Attributes attributes) {
  // The types are gathered where no allocation is needed, unless there are unusually many.
  std::array<ValueType, 8> few;
  std::vector<ValueType> many;
  std::span<ValueType> types(few);
  if (inputs.size() > few.size()) {
    many.resize(inputs.size());
    types = many;
  }
  types = types.first(inputs.size());
  std::vector<ValueRef> refs(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    expects(inputs[i].tape_ == this, "the inputs of a call are variables of its tape");
    types[i] = inputs[i].type();
    refs[i] = inputs[i].ref_;
  }
  CallTypes made = op.infer(types, attributes);
  Node& node = graph_.nodes.emplace_back();
  node.kind = Node::Kind::call;
  node.op = &op;
  node.attributes = std::move(attributes);
  node.inputs = std::move(refs);
  node.outputs = std::move(made.outputs);
  node.saved = std::move(made.saved);
  return {this, {static_cast<std::uint32_t>(graph_.nodes.size() - 1), 0}};
}

void Tape::bind(const ParameterStore& store, std::span<const ConstView> inputs) {
  store_ = &store;
  inputs_ = inputs;
}

Variable Tape::parameter(ParameterId id) {
  expects(store_ != nullptr, "a tape whose store is not named was bound to one");
  return parameter(*store_, id);
}

Variable Tape::output(Variable first, std::uint16_t index) {
  expects(first.tape_ == this && index < graph_.nodes[first.ref_.node].outputs.size(),
          "the call has an output of that number");
  return {this, {first.ref_.node, index}};
}

void Tape::set_loss(Variable losses, Variable weights) {
  expects(losses.tape_ == this && weights.tape_ == this, "the loss is a variable of this tape");
  expect_f32(losses.type(), "the loss");
  expect_f32(weights.type(), "the weight of the loss");
  if (losses.shape().rank() != 1 || losses.shape() != weights.shape()) {
    throw InputError("the losses are " + to_string(losses.shape()) + " and their weights " +
                         to_string(weights.shape()) + ", but both must be [rows]",
                     "use what a loss function returns");
  }
  graph_.losses = losses.ref_;
  graph_.weights = weights.ref_;
}

void Tape::set_prediction(Variable value) {
  expects(value.tape_ == this, "the prediction is a variable of this tape");
  expect_f32(value.type(), "the prediction");
  graph_.prediction = value.ref_;
}

void Tape::set_state(Variable value) {
  expects(value.tape_ == this && value.shape().rank() == 2, "the state is [rows, numbers]");
  expect_f32(value.type(), "the state");
  graph_.state = value.ref_;
}

void Tape::add_state_part(Variable part) {
  expects(part.tape_ == this && part.shape().rank() == 2, "a part of the state is [rows, any]");
  expect_f32(part.type(), "a part of the state");
  state_size_ += part.shape()[1];
  state_parts_.push_back(part);
}

void Tape::add_metric(std::string name, Variable value) {
  expects(value.tape_ == this, "a metric is a variable of this tape");
  expect_f32(value.type(), "a metric");
  graph_.metrics.push_back({std::move(name), value.ref_});
}

void Tape::add_statistic(ParameterId into, Variable value, double momentum) {
  expects(value.tape_ == this, "a statistic is a variable of this tape");
  expects(momentum >= 0 && momentum <= 1, "a momentum is between 0 and 1");
  expect_f32(value.type(), "a statistic");
  graph_.statistics.push_back({into, value.ref_, momentum});
}

}  // namespace raven
