#include "raven/graph/ops/tree.hpp"

#include "infer.hpp"
#include "raven/tensor/kernels/tree_lstm.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

// Inputs are x, parents, nodes, weight, forget weight and, where leaves alone have input, bias.

bool leaves_only(std::size_t inputs) { return inputs == 6; }

/// @param nary whether positions of children are told by an attribute
CallTypes infer_tree(const CallCheck& check, std::span<const ValueType> inputs, bool nary) {
  check.inputs(5, 6);
  const bool leaves = leaves_only(inputs.size());
  const Shape& x = check.f32(0, "input", 2);
  const Shape& parents = check.i32(1, "parents");
  if (parents.rank() != 1) {
    check.reject("the parents are " + to_string(parents), "give one number for each node");
  }
  check.lengths(2, parents[0]);
  const std::int64_t positions = nary ? check.integer("children", 1, 64) : 0;
  const std::int64_t width = (leaves ? 3 : 4);
  if (x[1] % width != 0 || (leaves ? x[0] > parents[0] : x[0] != parents[0])) {
    check.reject("the input is " + to_string(x) + " for " + std::to_string(parents[0]) + " nodes",
                 leaves ? "give each leaf a row of three blocks" : "give each node a row of four");
  }
  const kernels::TreeShape shape{.nodes = parents[0],
                                 .trees = inputs[2].shape[0],
                                 .size = x[1] / width,
                                 .positions = positions,
                                 .leaves = leaves ? x[0] : 0};
  check.f32_like(3, "weight", check.shape({3 * shape.size, shape.seen()}));
  check.f32_like(4, "weight of f", check.shape({shape.seen(), shape.seen()}));
  if (leaves) check.f32_like(5, "bias", {4 * shape.size});
  const ValueType h = check.f32_type({shape.nodes, shape.size});
  const ValueType below = check.f32_type({shape.places(), shape.size});
  return {{h}, {check.f32_type({shape.nodes, 3 * shape.size}), below, below, h}};
}

kernels::TreeShape shape_of(std::span<const ConstView> inputs, const Attributes& attributes) {
  const bool leaves = leaves_only(inputs.size());
  const Shape& x = inputs[0].shape();
  return {.nodes = inputs[1].count(),
          .trees = inputs[2].count(),
          .size = x[1] / (leaves ? 3 : 4),
          .positions = attributes.find("children") == nullptr ? 0 : attributes.integer("children"),
          .leaves = leaves ? x[0] : 0};
}

kernels::TreeInputs inputs_of(std::span<const ConstView> inputs) {
  return {.x = inputs[0].f32(),
          .parents = inputs[1].i32(),
          .nodes = inputs[2].i32(),
          .weight = inputs[3].f32(),
          .forget_weight = inputs[4].f32(),
          .bias = leaves_only(inputs.size()) ? inputs[5].f32() : nullptr};
}

void tree_forward(const ForwardCall& call) {
  kernels::tree_lstm_forward(
      shape_of(call.inputs, call.attributes), inputs_of(call.inputs),
      {call.saved[0].f32(), call.saved[1].f32(), call.saved[2].f32(), call.saved[3].f32()},
      call.outputs[0].f32());
}

void tree_backward(const BackwardCall& call) {
  const GradientSink& x = call.input_gradients[0];
  const GradientSink& weight = call.input_gradients[3];
  const GradientSink& forget = call.input_gradients[4];
  kernels::TreeGradients to{.dx = target(x),
                            .x_mode = accumulate(x),
                            .dweight = target(weight),
                            .weight_mode = accumulate(weight),
                            .dforget_weight = target(forget),
                            .forget_mode = accumulate(forget)};
  if (leaves_only(call.inputs.size())) {
    to.dbias = target(call.input_gradients[5]);
    to.bias_mode = accumulate(call.input_gradients[5]);
  }
  kernels::tree_lstm_backward(
      shape_of(call.inputs, call.attributes), inputs_of(call.inputs),
      {call.saved[0].f32(), call.saved[1].f32(), call.saved[2].f32(), call.saved[3].f32()},
      call.output_gradients[0].f32(), to);
}

/// Products with the states of children: of the leaves there are none. Where every node has input,
/// how many are leaves is known only when it runs; they count as half.
double tree_flops(std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
  const auto nodes = static_cast<double>(outputs[0].shape[0]);
  const auto size = static_cast<double>(outputs[0].shape[1]);
  const auto seen = static_cast<double>(inputs[3].shape[1]);
  const double inner =
      leaves_only(inputs.size()) ? nodes - static_cast<double>(inputs[0].shape[0]) : nodes / 2;
  const double below = seen > size ? inner : nodes - static_cast<double>(inputs[2].shape[0]);
  return 2.0 * seen * (inner * 3 * size + below * seen);
}

std::uint64_t tree_by_rows(std::span<const ValueType>, const Attributes&) { return 0b111; }

constexpr OpDef tree_lstm_row{
    .name = "tree_lstm",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_tree({"tree_lstm", inputs, attributes}, inputs, false);
        },
    .forward = tree_forward,
    .backward = tree_backward,
    .needs = needs_inputs,
    .flops = tree_flops,
    .row_inputs = tree_by_rows,
};

constexpr OpDef tree_lstm_nary_row{
    .name = "tree_lstm_nary",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_tree({"tree_lstm_nary", inputs, attributes}, inputs, true);
        },
    .forward = tree_forward,
    .backward = tree_backward,
    .needs = needs_inputs,
    .flops = tree_flops,
    .row_inputs = tree_by_rows,
};

constexpr const OpDef* rows[] = {&tree_lstm_row, &tree_lstm_nary_row};

Variable record(std::span<const Variable> inputs, std::int64_t positions) {
  Tape& tape = inputs[0].tape();
  if (positions == 0) return tape.call(tree_lstm_row, inputs);
  return tape.call(tree_lstm_nary_row, inputs, {{"children", positions}});
}

}  // namespace

OpRows tree_rows() { return rows; }

Variable tree_lstm(Variable x, const Trees& trees, const TreeWeights& weights,
                   std::int64_t positions) {
  const Variable inputs[] = {x, trees.parents, trees.nodes, weights.weight, weights.forget_weight};
  return record(inputs, positions);
}

Variable tree_lstm_of_leaves(Variable x, const Trees& trees, const TreeWeights& weights,
                             Variable bias, std::int64_t positions) {
  const Variable inputs[] = {x,   trees.parents, trees.nodes, weights.weight, weights.forget_weight,
                             bias};
  return record(inputs, positions);
}

}  // namespace raven
