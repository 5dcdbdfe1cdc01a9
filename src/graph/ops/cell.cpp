#include <cstring>

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/tree.hpp"
#include "raven/tensor/kernels/cell.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

using kernels::Transpose;

/// Gradient of an output, or null where nobody asked for it.
const float* told(const BackwardCall& call, std::size_t output) {
  const View& given = call.output_gradients[output];
  return given ? given.f32() : nullptr;
}

/// A gradient made in memory of its own goes where it is wanted.
void deliver(const GradientSink& sink, const float* made) {
  if (!sink.wanted()) return;
  if (sink.adds()) {
    kernels::add_into(sink.to.count(), made, sink.to.f32());
  } else {
    std::memcpy(sink.to.data, made, sink.to.type.bytes());
  }
}

/// h and c of the type of the state, and the activated gates.
CallTypes state_types(const ValueType& state, std::vector<ValueType> saved) {
  return {{state, state}, std::move(saved)};
}

CallTypes infer_lstm_cell(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("lstm_cell", inputs, attributes);
  check.inputs(2);
  const Shape& gates = check.f32(0, "gates", 2);
  const Shape& c = check.f32(1, "memory", 2);
  if (gates[0] != c[0] || gates[1] / 4 != c[1] || gates[1] % 4 != 0) {
    check.reject("the gates are " + to_string(gates) + " and the memory " + to_string(c),
                 "give four blocks of gates, i f g o, for each row of the memory");
  }
  return state_types(inputs[1], {inputs[0]});
}

/// h', c' of gates [n, 4 size] and c [n, size].
constexpr OpDef lstm_cell_row{
    .name = "lstm_cell",
    .infer = infer_lstm_cell,
    .forward =
        [](const ForwardCall& call) {
          const Shape& c = call.inputs[1].shape();
          std::memcpy(call.saved[0].data, call.inputs[0].data, call.saved[0].type.bytes());
          kernels::lstm_cells(c[0], c[1], call.saved[0].f32(), call.inputs[1].f32(),
                              call.outputs[1].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const Shape& c = call.inputs[1].shape();
          const auto count = static_cast<std::size_t>(c.count());
          const Scratch gates(4 * count);
          const Scratch memory(count);
          kernels::lstm_cells_backward(c[0], c[1], call.saved[0].f32(), call.inputs[1].f32(),
                                       call.outputs[1].f32(), told(call, 0), told(call, 1),
                                       gates.data(), memory.data());
          deliver(call.input_gradients[0], gates.data());
          deliver(call.input_gradients[1], memory.data());
        },
    .row_inputs = all_by_rows,
    .differentiable_outputs = 2,
};

// tree_lstm_cell: inputs are h and c of each child in turn, then weight, forget weight and bias.

std::size_t children_of(std::size_t inputs) { return (inputs - 3) / 2; }

CallTypes infer_tree_cell(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("tree_lstm_cell", inputs, attributes);
  check.inputs(5, 3 + 2 * 16);
  if (inputs.size() % 2 == 0) {
    check.reject("there are " + std::to_string(inputs.size()) + " inputs",
                 "give h and c of each child, two weights and a bias");
  }
  const Shape& h = check.f32(0, "state of a child", 2);
  const std::size_t children = children_of(inputs.size());
  for (std::size_t i = 1; i < 2 * children; ++i) check.f32_like(i, "state of a child", h);
  const std::int64_t size = h[1];
  const std::int64_t seen = size * static_cast<std::int64_t>(children);
  check.f32_like(2 * children, "weight", check.shape({3 * size, seen}));
  check.f32_like(2 * children + 1, "weight of f", check.shape({seen, seen}));
  check.f32_like(2 * children + 2, "bias", {4 * size});
  const ValueType below = check.f32_type({h[0], seen});
  return state_types(inputs[0], {check.f32_type({h[0], 3 * size}), below, below, below});
}

/// Sizes of a call, and its weights.
struct TreeCell {
  explicit TreeCell(std::span<const ConstView> inputs)
      : children(children_of(inputs.size())),
        rows(inputs[0].shape()[0]),
        size(inputs[0].shape()[1]),
        seen(size * static_cast<std::int64_t>(children)),
        weight(inputs[2 * children].f32()),
        forget_weight(inputs[2 * children + 1].f32()),
        bias(inputs[2 * children + 2].f32()) {}
  std::size_t children;
  std::int64_t rows;
  std::int64_t size;
  std::int64_t seen;
  const float* weight;
  const float* forget_weight;
  const float* bias;
};

/// Saves gates and forget gates, activated, and h and c of the children side by side.
void tree_cell_forward(const ForwardCall& call) {
  const TreeCell cell(call.inputs);
  float* gates = call.saved[0].f32();
  float* forget = call.saved[1].f32();
  float* h = call.saved[2].f32();
  float* c = call.saved[3].f32();
  for (std::size_t k = 0; k < cell.children; ++k) {
    const std::int64_t at = static_cast<std::int64_t>(k) * cell.size;
    kernels::copy_block(cell.rows, cell.size, {call.inputs[2 * k].f32(), cell.size},
                        {h + at, cell.seen});
    kernels::copy_block(cell.rows, cell.size, {call.inputs[2 * k + 1].f32(), cell.size},
                        {c + at, cell.seen});
  }
  kernels::begin_tree_cells(cell.rows, cell.size, static_cast<std::int64_t>(cell.children),
                            cell.bias, gates, forget);
  kernels::gemm(Transpose::no, Transpose::yes, cell.rows, 3 * cell.size, cell.seen, h, cell.weight,
                gates, kernels::Accumulate::yes);
  kernels::gemm(Transpose::no, Transpose::yes, cell.rows, cell.seen, cell.seen, h,
                cell.forget_weight, forget, kernels::Accumulate::yes);
  kernels::tree_cells(cell.rows, cell.size, static_cast<std::int64_t>(cell.children), gates, forget,
                      c, call.outputs[1].f32(), call.outputs[0].f32());
}

void tree_cell_backward(const BackwardCall& call) {
  const TreeCell cell(call.inputs);
  const auto states = static_cast<std::size_t>(cell.rows * cell.seen);
  const Scratch dgates(static_cast<std::size_t>(cell.rows * 3 * cell.size));
  const Scratch dforget(states);
  const Scratch dc(states);
  const Scratch dh(states);
  const float* h = call.saved[2].f32();
  kernels::tree_cells_backward(cell.rows, cell.size, static_cast<std::int64_t>(cell.children),
                               call.saved[0].f32(), call.saved[1].f32(), call.saved[3].f32(),
                               call.outputs[1].f32(), told(call, 0), told(call, 1), dgates.data(),
                               dforget.data(), dc.data());
  kernels::gemm(Transpose::no, Transpose::no, cell.rows, cell.seen, 3 * cell.size, dgates.data(),
                cell.weight, dh.data());
  kernels::gemm(Transpose::no, Transpose::no, cell.rows, cell.seen, cell.seen, dforget.data(),
                cell.forget_weight, dh.data(), kernels::Accumulate::yes);
  for (std::size_t i = 0; i < 2 * cell.children; ++i) {
    const GradientSink& sink = call.input_gradients[i];
    if (!sink.wanted()) continue;
    const float* from =
        (i % 2 == 0 ? dh : dc).data() + static_cast<std::int64_t>(i / 2) * cell.size;
    kernels::copy_block(cell.rows, cell.size, {from, cell.seen}, {sink.to.f32(), cell.size},
                        accumulate(sink));
  }
  const std::size_t first = 2 * cell.children;
  if (const GradientSink& sink = call.input_gradients[first]; sink.wanted()) {
    kernels::gemm(Transpose::yes, Transpose::no, 3 * cell.size, cell.seen, cell.rows, dgates.data(),
                  h, sink.to.f32(), accumulate(sink));
  }
  if (const GradientSink& sink = call.input_gradients[first + 1]; sink.wanted()) {
    kernels::gemm(Transpose::yes, Transpose::no, cell.seen, cell.seen, cell.rows, dforget.data(), h,
                  sink.to.f32(), accumulate(sink));
  }
  if (const GradientSink& sink = call.input_gradients[first + 2]; sink.wanted()) {
    const Scratch sums(static_cast<std::size_t>(4 * cell.size));
    kernels::tree_cells_bias(cell.rows, cell.size, static_cast<std::int64_t>(cell.children),
                             dgates.data(), dforget.data(), sums.data());
    deliver(sink, sums.data());
  }
}

constexpr OpDef tree_lstm_cell_row{
    .name = "tree_lstm_cell",
    .infer = infer_tree_cell,
    .forward = tree_cell_forward,
    .backward = tree_cell_backward,
    .flops =
        [](std::span<const ValueType> inputs, std::span<const ValueType>) {
          const auto size = static_cast<double>(inputs[0].shape[1]);
          const double seen = size * static_cast<double>(children_of(inputs.size()));
          return 2.0 * static_cast<double>(inputs[0].shape[0]) * seen * (3 * size + seen);
        },
    .row_inputs =
        [](std::span<const ValueType> inputs, const Attributes&) {
          return (std::uint64_t{1} << (2 * children_of(inputs.size()))) - 1;
        },
    .differentiable_outputs = 2,
};

/// h, c of gates [n, 3 size], blocks i g o.
constexpr OpDef tree_lstm_leaf_row{
    .name = "tree_lstm_leaf",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("tree_lstm_leaf", inputs, attributes);
          check.inputs(1);
          const Shape& x = check.f32(0, "input", 2);
          if (x[1] % 3 != 0) {
            check.reject("the input is " + to_string(x), "give three blocks, i g o");
          }
          return state_types(check.f32_type({x[0], x[1] / 3}), {inputs[0]});
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& h = call.outputs[0].shape();
          std::memcpy(call.saved[0].data, call.inputs[0].data, call.saved[0].type.bytes());
          kernels::tree_cells(h[0], h[1], 0, call.saved[0].f32(), nullptr, nullptr,
                              call.outputs[1].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const Shape& h = call.outputs[0].shape();
          const Scratch gates(static_cast<std::size_t>(3 * h.count()));
          kernels::tree_cells_backward(h[0], h[1], 0, call.saved[0].f32(), nullptr, nullptr,
                                       call.outputs[1].f32(), told(call, 0), told(call, 1),
                                       gates.data(), nullptr, nullptr);
          deliver(call.input_gradients[0], gates.data());
        },
    .needs = needs_outputs,
    .row_inputs = first_by_rows,
    .differentiable_outputs = 2,
};

constexpr const OpDef* rows[] = {&lstm_cell_row, &tree_lstm_cell_row, &tree_lstm_leaf_row};

CellState record(const OpDef& row, std::span<const Variable> inputs) {
  Tape& tape = inputs[0].tape();
  const Variable h = tape.call(row, inputs);
  return {h, tape.output(h, 1)};
}

}  // namespace

OpRows cell_rows() { return rows; }

CellState lstm_cell(Variable gates, Variable c) {
  const Variable inputs[] = {gates, c};
  return record(lstm_cell_row, inputs);
}

CellState tree_lstm_cell(std::span<const CellState> children, const TreeWeights& weights,
                         Variable bias) {
  expects(!children.empty(), "a node above children has some");
  std::vector<Variable> inputs;
  for (const CellState& child : children) {
    inputs.push_back(child.h);
    inputs.push_back(child.c);
  }
  inputs.insert(inputs.end(), {weights.weight, weights.forget_weight, bias});
  return record(tree_lstm_cell_row, inputs);
}

CellState tree_lstm_leaf(Variable x) { return record(tree_lstm_leaf_row, {&x, 1}); }

}  // namespace raven
