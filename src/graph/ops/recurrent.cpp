#include "raven/graph/ops/recurrent.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/kernels/recurrent.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

using kernels::Cell;

constexpr std::string_view name_of(Cell cell) {
  return cell == Cell::lstm ? "lstm" : cell == Cell::gru ? "gru" : "rnn";
}

/// x, weight and, of gru, bias; whatever comes after them is the initial state.
constexpr std::size_t learnt_inputs(Cell cell) { return cell == Cell::gru ? 3 : 2; }
/// h, and c of an lstm.
constexpr std::size_t parts_of_state(Cell cell) { return cell == Cell::lstm ? 2 : 1; }

bool has_initial(Cell cell, std::size_t inputs) { return inputs > learnt_inputs(cell); }

template <Cell cell>
CallTypes infer(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check(name_of(cell), inputs, attributes);
  constexpr std::size_t learnt = learnt_inputs(cell);
  const bool continues = has_initial(cell, inputs.size());
  check.inputs(continues ? learnt + parts_of_state(cell) : learnt);
  static_cast<void>(check.integer("reverse", 0, 1));
  const Shape& x = check.f32(0, "input", 3);
  const Shape& weight = check.f32(1, "weight", 2);
  const std::int64_t size = weight[1];
  const std::int64_t gates = kernels::gates_of(cell);
  if (weight[0] != gates * size || x[2] != gates * size) {
    check.reject("the input is " + to_string(x) + " and the weight " + to_string(weight),
                 "make the last dimension of the input and the rows of the weight " +
                     std::to_string(gates) + " times the weight's columns");
  }
  if (cell == Cell::gru) check.f32_like(2, "bias", {size});
  CallTypes types = makes(check.shape({x[0], x[1], size}));
  types.saved.push_back({DType::f32, x});
  if (kernels::extras_of(cell) > 0) types.saved.push_back(types.outputs[0]);
  for (std::size_t i = learnt; i < inputs.size(); ++i) {
    check.f32_like(i, "initial state", {x[0], size});
    types.outputs.push_back(inputs[i]);
  }
  return types;
}

template <Cell cell>
kernels::RecurrentShape shape_of(const Shape& y, const Attributes& attributes) {
  return {.cell = cell,
          .batch = y[0],
          .length = y[1],
          .size = y[2],
          .reverse = attributes.integer("reverse") == 1};
}

template <Cell cell>
kernels::InitialState initial_of(std::span<const ConstView> inputs) {
  constexpr std::size_t at = learnt_inputs(cell);
  if (!has_initial(cell, inputs.size())) return {};
  return {.h = inputs[at].f32(), .c = cell == Cell::lstm ? inputs[at + 1].f32() : nullptr};
}

/// The states of the last step: [batch, length, size] -> [batch, size].
void copy_last(const kernels::RecurrentShape& shape, const float* states, float* to) {
  const std::int64_t at = shape.reverse ? 0 : shape.length - 1;
  kernels::copy_block(shape.batch, shape.size,
                      {states + at * shape.size, shape.length * shape.size}, {to, shape.size});
}

template <Cell cell>
void forward(const ForwardCall& call) {
  const auto shape = shape_of<cell>(call.outputs[0].shape(), call.attributes);
  float* extras = call.saved.size() > 1 ? call.saved[1].f32() : nullptr;
  kernels::recurrent_forward(shape, initial_of<cell>(call.inputs), call.inputs[0].f32(),
                             call.inputs[1].f32(),
                             cell == Cell::gru ? call.inputs[2].f32() : nullptr,
                             call.saved[0].f32(), extras, call.outputs[0].f32());
  if (call.outputs.size() > 1) copy_last(shape, call.outputs[0].f32(), call.outputs[1].f32());
  if (call.outputs.size() > 2) copy_last(shape, extras, call.outputs[2].f32());
}

template <Cell cell>
void backward(const BackwardCall& call) {
  const GradientSink& x = call.input_gradients[0];
  const GradientSink& weight = call.input_gradients[1];
  // What comes to x is needed for the weight, too.
  const bool straight = x.wanted() && !x.adds();
  const Scratch spare(straight ? 0 : static_cast<std::size_t>(call.inputs[0].count()));
  kernels::RecurrentGradients to{.dx = straight ? x.to.f32() : spare.data(),
                                 .dweight = target(weight),
                                 .weight_mode = accumulate(weight)};
  if (cell == Cell::gru) {
    to.dbias = target(call.input_gradients[2]);
    to.bias_mode = accumulate(call.input_gradients[2]);
  }
  kernels::recurrent_backward(shape_of<cell>(call.outputs[0].shape(), call.attributes),
                              initial_of<cell>(call.inputs), call.inputs[1].f32(),
                              call.saved[0].f32(),
                              call.saved.size() > 1 ? call.saved[1].f32() : nullptr,
                              call.outputs[0].f32(), call.output_gradients[0].f32(), to);
  if (x.adds()) kernels::add_into(x.to.count(), to.dx, x.to.f32());
}

/// The input and the initial state; weights and bias are shared.
template <Cell cell>
std::uint64_t rows_of(std::span<const ValueType> inputs, const Attributes&) {
  std::uint64_t mask = has_rows(inputs, 0) ? 1 : 0;
  for (std::size_t i = learnt_inputs(cell); i < inputs.size(); ++i) mask |= std::uint64_t{1} << i;
  return mask;
}

template <Cell cell>
constexpr OpDef row_of() {
  return {
      .name = name_of(cell),
      .infer = infer<cell>,
      .forward = forward<cell>,
      .backward = backward<cell>,
      .flops =
          [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
            return 2.0 * static_cast<double>(inputs[0].shape.count()) *
                   static_cast<double>(outputs[0].shape.back());
          },
      .row_inputs = rows_of<cell>,
      .differentiable_inputs = learnt_inputs(cell),
  };
}

constexpr OpDef rnn_row = row_of<Cell::tanh>();
constexpr OpDef gru_row = row_of<Cell::gru>();
constexpr OpDef lstm_row = row_of<Cell::lstm>();

constexpr const OpDef* rows[] = {&rnn_row, &gru_row, &lstm_row};

Attributes attributes_of(Direction direction) {
  return {{"reverse", std::int64_t{direction == Direction::reverse ? 1 : 0}}};
}

/// Records a call that goes on from a state.
ContinuedStates record_from(const OpDef& row, const RecurrentState& state,
                            std::vector<Variable> inputs, Direction direction) {
  inputs.push_back(state.h);
  if (!state.c.empty()) inputs.push_back(state.c);
  Tape& tape = inputs[0].tape();
  const Variable y = tape.call(row, inputs, attributes_of(direction));
  return {y, {tape.output(y, 1), state.c.empty() ? Variable() : tape.output(y, 2)}};
}

}  // namespace

OpRows recurrent_rows() { return rows; }

Variable rnn(Variable x, Variable weight, Direction direction) {
  const Variable inputs[] = {x, weight};
  return x.tape().call(rnn_row, inputs, attributes_of(direction));
}

Variable gru(Variable x, Variable weight, Variable bias, Direction direction) {
  const Variable inputs[] = {x, weight, bias};
  return x.tape().call(gru_row, inputs, attributes_of(direction));
}

Variable lstm(Variable x, Variable weight, Direction direction) {
  const Variable inputs[] = {x, weight};
  return x.tape().call(lstm_row, inputs, attributes_of(direction));
}

ContinuedStates rnn_from(const RecurrentState& state, Variable x, Variable weight,
                         Direction direction) {
  return record_from(rnn_row, {state.h, {}}, {x, weight}, direction);
}

ContinuedStates gru_from(const RecurrentState& state, Variable x, Variable weight, Variable bias,
                         Direction direction) {
  return record_from(gru_row, {state.h, {}}, {x, weight, bias}, direction);
}

ContinuedStates lstm_from(const RecurrentState& state, Variable x, Variable weight,
                          Direction direction) {
  return record_from(lstm_row, state, {x, weight}, direction);
}

}  // namespace raven
