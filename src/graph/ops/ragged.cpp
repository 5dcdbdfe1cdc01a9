#include "raven/tensor/kernels/ragged.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/recurrent.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

using kernels::Cell;

constexpr std::string_view name_of(Cell cell) {
  return cell == Cell::lstm ? "ragged_lstm" : cell == Cell::gru ? "ragged_gru" : "ragged_rnn";
}

// Inputs are x, lengths, weight and, of gru, bias.

template <Cell cell>
CallTypes infer(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check(name_of(cell), inputs, attributes);
  check.inputs(cell == Cell::gru ? 4 : 3);
  static_cast<void>(check.integer("reverse", 0, 1));
  const Shape& x = check.f32(0, "input", 2);
  const Shape& weight = check.f32(2, "weight", 2);
  check.lengths(1, x[0]);
  const std::int64_t size = weight[1];
  const std::int64_t gates = kernels::gates_of(cell);
  if (weight[0] != gates * size || x[1] != gates * size) {
    check.reject("the input is " + to_string(x) + " and the weight " + to_string(weight),
                 "make the last dimension of the input and the rows of the weight " +
                     std::to_string(gates) + " times the weight's columns");
  }
  if (cell == Cell::gru) check.f32_like(3, "bias", {size});
  CallTypes types = makes(check.shape({x[0], size}));
  types.saved = {inputs[0], types.outputs[0]};
  if (kernels::extras_of(cell) > 0) types.saved.push_back(types.outputs[0]);
  return types;
}

template <Cell cell>
kernels::RaggedShape shape_of(std::span<const ConstView> inputs, const Attributes& attributes) {
  return {.cell = cell,
          .sequences = inputs[1].count(),
          .tokens = inputs[0].shape()[0],
          .size = inputs[2].shape()[1],
          .reverse = attributes.integer("reverse") == 1};
}

/// Saves gates, states and, where the cell has them, extras.
template <Cell cell>
void forward(const ForwardCall& call) {
  kernels::ragged_forward(shape_of<cell>(call.inputs, call.attributes), call.inputs[0].f32(),
                          call.inputs[1].i32(), call.inputs[2].f32(),
                          cell == Cell::gru ? call.inputs[3].f32() : nullptr, call.saved[0].f32(),
                          call.saved.size() > 2 ? call.saved[2].f32() : nullptr,
                          call.saved[1].f32(), call.outputs[0].f32());
}

template <Cell cell>
void backward(const BackwardCall& call) {
  const GradientSink& x = call.input_gradients[0];
  const GradientSink& weight = call.input_gradients[2];
  kernels::RaggedGradients to{.dx = target(x),
                              .x_mode = accumulate(x),
                              .dweight = target(weight),
                              .weight_mode = accumulate(weight)};
  if (cell == Cell::gru) {
    to.dbias = target(call.input_gradients[3]);
    to.bias_mode = accumulate(call.input_gradients[3]);
  }
  kernels::ragged_backward(shape_of<cell>(call.inputs, call.attributes), call.inputs[1].i32(),
                           call.inputs[2].f32(), call.saved[0].f32(),
                           call.saved.size() > 2 ? call.saved[2].f32() : nullptr,
                           call.saved[1].f32(), call.output_gradients[0].f32(), to);
}

template <Cell cell>
constexpr OpDef row_of() {
  return {
      .name = name_of(cell),
      .infer = infer<cell>,
      .forward = forward<cell>,
      .backward = backward<cell>,
      .needs = needs_inputs,
      .flops =
          [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
            // The first token of each sequence has no state before it.
            const std::int64_t rows = inputs[0].shape[0] - inputs[1].shape[0];
            return 2.0 * static_cast<double>(rows) * static_cast<double>(inputs[0].shape[1]) *
                   static_cast<double>(outputs[0].shape.back());
          },
      .row_inputs = [](std::span<const ValueType>,
                       const Attributes&) { return std::uint64_t{0b11}; },
  };
}

constexpr OpDef rnn_row = row_of<Cell::tanh>();
constexpr OpDef gru_row = row_of<Cell::gru>();
constexpr OpDef lstm_row = row_of<Cell::lstm>();

constexpr const OpDef* rows[] = {&rnn_row, &gru_row, &lstm_row};

Attributes attributes_of(Direction direction) {
  return {{"reverse", std::int64_t{direction == Direction::reverse ? 1 : 0}}};
}

}  // namespace

OpRows ragged_rows() { return rows; }

Variable ragged_rnn(Variable x, Variable lengths, Variable weight, Direction direction) {
  const Variable inputs[] = {x, lengths, weight};
  return x.tape().call(rnn_row, inputs, attributes_of(direction));
}

Variable ragged_gru(Variable x, Variable lengths, Variable weight, Variable bias,
                    Direction direction) {
  const Variable inputs[] = {x, lengths, weight, bias};
  return x.tape().call(gru_row, inputs, attributes_of(direction));
}

Variable ragged_lstm(Variable x, Variable lengths, Variable weight, Direction direction) {
  const Variable inputs[] = {x, lengths, weight};
  return x.tape().call(lstm_row, inputs, attributes_of(direction));
}

}  // namespace raven
