#include "raven/tensor/kernels/softmax.hpp"
#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/activation.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

std::int64_t rows_of(const Shape& x) { return x.count() / x.back(); }

constexpr OpDef softmax_row{
    .name = "softmax",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("softmax", inputs, attributes);
          check.inputs(1);
          return makes(check.f32_at_least(0, "input", 1));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          kernels::softmax_forward(rows_of(x), x.back(), call.inputs[0].f32(),
                                   call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          const GradientSink& sink = call.input_gradients[0];
          kernels::softmax_backward(rows_of(x), x.back(), call.outputs[0].f32(),
                                    call.output_gradients[0].f32(), sink.to.f32(),
                                    accumulate(sink));
        },
    .needs = needs_outputs,
    .row_inputs = matrix_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

constexpr OpDef log_softmax_row{
    .name = "log_softmax",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("log_softmax", inputs, attributes);
          check.inputs(1);
          return makes(check.f32_at_least(0, "input", 1));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          kernels::log_softmax_forward(rows_of(x), x.back(), call.inputs[0].f32(),
                                       call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          const GradientSink& sink = call.input_gradients[0];
          kernels::log_softmax_backward(rows_of(x), x.back(), call.outputs[0].f32(),
                                        call.output_gradients[0].f32(), sink.to.f32(),
                                        accumulate(sink));
        },
    .needs = needs_outputs,
    .row_inputs = matrix_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

constexpr const OpDef* rows[] = {&softmax_row, &log_softmax_row};

}  // namespace

OpRows softmax_rows() { return rows; }

Variable softmax(Variable x) { return x.tape().call(softmax_row, {&x, 1}); }
Variable log_softmax(Variable x) { return x.tape().call(log_softmax_row, {&x, 1}); }

}  // namespace raven
