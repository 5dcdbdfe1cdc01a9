#include "raven/graph/ops/dropout.hpp"

#include "infer.hpp"
#include "raven/tensor/kernels/dropout.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// No mask is kept: the way back draws the same numbers again. Calls don't join: numbers are drawn
/// by the number of the node and of the row, both others in a joined call, so a job would drop
/// other values with autobatch than without.
constexpr OpDef dropout_row{
    .name = "dropout",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("dropout", inputs, attributes);
          check.inputs(1);
          // Above this 1 / (1 - p) is of no use, and at 1 it is infinite.
          static_cast<void>(check.real("p", 0.0, 0.9999));
          return makes(check.f32_at_least(0, "input", 1));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          kernels::dropout(x[0], x.count() / x[0], static_cast<float>(call.attributes.real("p")),
                           call.key, call.inputs[0].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          const GradientSink& sink = call.input_gradients[0];
          kernels::dropout(x[0], x.count() / x[0], static_cast<float>(call.attributes.real("p")),
                           call.key, call.output_gradients[0].f32(), sink.to.f32(),
                           accumulate(sink));
        },
    .needs = needs_nothing,
    .forward_in_place = true,
    .backward_in_place = true,
};

constexpr const OpDef* rows[] = {&dropout_row};

}  // namespace

OpRows dropout_rows() { return rows; }

Variable dropout(Variable x, double p) {
  if (!x.tape().training() || p == 0) return x;
  return x.tape().call(dropout_row, {&x, 1}, {{"p", p}});
}

}  // namespace raven
