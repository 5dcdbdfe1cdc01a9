// Variable::value(): calls run one by one, as far as they are needed.
#include "raven/core/contract.hpp"
#include "raven/graph/tape.hpp"

namespace raven {
namespace {

/// The value of a node that comes from outside, which is not copied for long: it is small or is
/// asked for once.
Tensor copy_of(const ConstView& view) {
  Tensor copy(view.type);
  std::memcpy(copy.view().data, view.data, view.type.bytes());
  return copy;
}

std::vector<Tensor> tensors_of(std::span<const ValueType> types) {
  std::vector<Tensor> tensors;
  for (const ValueType& type : types) tensors.emplace_back(type);
  return tensors;
}

std::vector<View> views_of(std::vector<Tensor>& tensors) {
  std::vector<View> views;
  for (Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

}  // namespace

const Tensor& Variable::value() const {
  expects(tape_ != nullptr, "a variable that is used was made by a tape");
  return tape_->evaluate(ref_);
}

const Tensor& Tape::evaluate(ValueRef value) {
  expects(store_ != nullptr, "values are computed on a tape that was bound to parameters and data");
  used_values_ = true;
  values_.resize(graph_.nodes.size());
  std::vector<bool> needed(value.node + 1, false);
  needed[value.node] = values_[value.node].empty();
  for (std::size_t n = needed.size(); n-- > 0;) {
    if (!needed[n]) continue;
    for (const ValueRef input : graph_.nodes[n].inputs) {
      needed[input.node] = needed[input.node] || values_[input.node].empty();
    }
  }
  for (std::uint32_t n = 0; n < needed.size(); ++n) {
    if (!needed[n]) continue;
    const Node& node = graph_.nodes[n];
    if (node.kind == Node::Kind::parameter) {
      values_[n] = {(*store_)[{node.slot}].value};
      continue;
    }
    if (node.kind == Node::Kind::input) {
      expects(node.slot < inputs_.size() && inputs_[node.slot],
              "an input whose value is asked for was bound");
      values_[n] = {copy_of(inputs_[node.slot])};
      continue;
    }
    std::vector<ConstView> inputs;
    for (const ValueRef ref : node.inputs) {
      inputs.push_back(std::as_const(values_[ref.node][ref.output]).view());
    }
    if (node.op->aliases_input) {
      const ValueRef input = node.inputs.front();
      values_[n] = {values_[input.node][input.output].reshaped(node.outputs.front().shape)};
      continue;
    }
    std::vector<Tensor> outputs = tensors_of(node.outputs);
    std::vector<Tensor> saved = tensors_of(node.saved);
    RandomKey key;
    key.op = n;
    node.op->forward({.inputs = inputs,
                      .attributes = node.attributes,
                      .outputs = views_of(outputs),
                      .saved = views_of(saved),
                      .key = key});
    values_[n] = std::move(outputs);
  }
  return values_[value.node][value.output];
}

}  // namespace raven
