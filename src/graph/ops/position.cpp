#include "raven/tensor/kernels/position.hpp"

#include <numeric>

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/attention.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

constexpr OpDef add_sinusoidal_row{
    .name = "add_sinusoidal",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("add_sinusoidal", inputs, attributes);
          check.inputs(1, 2);
          if (check.input_count() == 1) return makes(check.f32(0, "input", 3));
          const Shape& x = check.f32(0, "input", 2);
          if (check.i32(1, "positions") != Shape({x[0]})) {
            check.reject("the positions are " + to_string(inputs[1].shape),
                         "give one for each of " + std::to_string(x[0]) + " rows");
          }
          return makes(x);
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          if (call.inputs.size() == 2) {
            const std::int32_t* positions = call.inputs[1].i32();
            for (std::int64_t row = 0; row < x[0]; ++row) {
              if (positions[row] >= 0 && positions[row] < x[0]) continue;
              throw InputError("add_sinusoidal: a position of " + std::to_string(positions[row]) +
                                   " among " + std::to_string(x[0]) + " rows",
                               "count positions from 0 in each sequence");
            }
            kernels::add_sinusoidal_at(x[0], x[1], positions, call.inputs[0].f32(),
                                       call.outputs[0].f32());
            return;
          }
          kernels::add_sinusoidal(x[0], x[1], x[2], call.inputs[0].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          pass_on(call.input_gradients[0], call.output_gradients[0]);
        },
    .needs = needs_nothing,
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
    .forward_in_place = true,
    .backward_in_place = true,
};

/// Inputs are lengths [sequences] and anything that has a row for each token.
constexpr OpDef sequence_positions_row{
    .name = "sequence_positions",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("sequence_positions", inputs, attributes);
          check.inputs(2);
          if (check.i32(0, "lengths").rank() != 1 || inputs[1].shape.rank() == 0) {
            check.reject("the lengths are " + to_string(inputs[0].shape) + " for tokens of " +
                             to_string(inputs[1].shape),
                         "give one for each sequence, and a row for each token");
          }
          return CallTypes{{{DType::i32, Shape({inputs[1].shape[0]})}}, {}};
        },
    .forward =
        [](const ForwardCall& call) {
          const std::int64_t tokens = call.inputs[1].shape()[0];
          check_sequence_lengths("sequence_positions", call.inputs[0], tokens);
          std::int32_t* to = call.outputs[0].i32();
          for (std::int64_t i = 0; i < call.inputs[0].count(); ++i) {
            const std::int32_t length = call.inputs[0].i32()[i];
            std::iota(to, to + length, 0);
            to += length;
          }
        },
    .row_inputs = all_by_rows,
    .differentiable_inputs = 0,
    .differentiable_outputs = 0,
};

kernels::RotaryShape shape_of(const Shape& x, const Attributes& attributes) {
  return {.batch = x[0],
          .length = x[1],
          .width = x[2],
          .columns = attributes.integer("columns"),
          .size = attributes.integer("size"),
          .base = attributes.real("base")};
}

constexpr OpDef rotary_row{
    .name = "rotary",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("rotary", inputs, attributes);
          check.inputs(1);
          const Shape& x = check.f32(0, "input", 3);
          static_cast<void>(check.real("base", 1.0, 1.0e12));
          const std::int64_t columns = check.integer("columns", 2, x[2]);
          const std::int64_t size = check.integer("size", 2, columns);
          if (size % 2 != 0 || columns % size != 0) {
            check.reject(std::to_string(columns) + " columns can't be heads of " +
                             std::to_string(size) + " numbers that turn in pairs",
                         "take an even size that divides them");
          }
          return makes(x);
        },
    .forward =
        [](const ForwardCall& call) {
          kernels::rotate_positions(shape_of(call.inputs[0].shape(), call.attributes),
                                    kernels::Turn::forward, call.inputs[0].f32(),
                                    call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          kernels::rotate_positions(shape_of(call.inputs[0].shape(), call.attributes),
                                    kernels::Turn::back, call.output_gradients[0].f32(),
                                    sink.to.f32(), accumulate(sink));
        },
    .needs = needs_nothing,
    .row_inputs = first_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

constexpr const OpDef* rows[] = {&add_sinusoidal_row, &sequence_positions_row, &rotary_row};

}  // namespace

OpRows position_rows() { return rows; }

Variable add_sinusoidal_positions(Variable x) { return x.tape().call(add_sinusoidal_row, {&x, 1}); }

Variable add_sinusoidal_positions(Variable x, Variable positions) {
  const Variable inputs[] = {x, positions};
  return x.tape().call(add_sinusoidal_row, inputs);
}

Variable sequence_positions(Variable lengths, Variable tokens) {
  const Variable inputs[] = {lengths, tokens};
  return lengths.tape().call(sequence_positions_row, inputs);
}

Variable rotate_positions(Variable x, std::int64_t columns, std::int64_t size, double base) {
  return x.tape().call(rotary_row, {&x, 1}, {{"base", base}, {"columns", columns}, {"size", size}});
}

}  // namespace raven
