#include "raven/tensor/kernels/position.hpp"

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
          check.inputs(1);
          return makes(check.f32(0, "input", 3));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          kernels::add_sinusoidal(x[0], x[1], x[2], call.inputs[0].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          pass_on(call.input_gradients[0], call.output_gradients[0]);
        },
    .needs = needs_nothing,
    .row_inputs = first_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
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

constexpr const OpDef* rows[] = {&add_sinusoidal_row, &rotary_row};

}  // namespace

OpRows position_rows() { return rows; }

Variable add_sinusoidal_positions(Variable x) { return x.tape().call(add_sinusoidal_row, {&x, 1}); }

Variable rotate_positions(Variable x, std::int64_t columns, std::int64_t size, double base) {
  return x.tape().call(rotary_row, {&x, 1}, {{"base", base}, {"columns", columns}, {"size", size}});
}

}  // namespace raven
