#include "raven/graph/ops/reduce.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// A tensor as [outer, length, inner] around one axis.
struct Around {
  Around(const Shape& x, std::int64_t axis) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.rank()); ++i) {
      const std::int64_t dim = x[static_cast<std::size_t>(i)];
      (i < axis ? outer : i > axis ? inner : length) *= dim;
    }
  }
  std::int64_t outer = 1;
  std::int64_t length = 1;
  std::int64_t inner = 1;
};

CallTypes infer_axis(const CallCheck& check) {
  check.inputs(1);
  const Shape& x = check.f32_at_least(0, "input", 1);
  const std::int64_t axis = check.integer("axis", 0, static_cast<std::int64_t>(x.rank()) - 1);
  std::vector<std::int64_t> dims(x.begin(), x.end());
  dims.erase(dims.begin() + axis);
  return makes(check.shape(dims));
}

template <class Factor>
void forward_along(const ForwardCall& call, Factor factor) {
  const Around x(call.inputs[0].shape(), call.attributes.integer("axis"));
  kernels::axis_sum(x.outer, x.length, x.inner, factor(x.length), call.inputs[0].f32(),
                    call.outputs[0].f32());
}

template <class Factor>
void backward_along(const BackwardCall& call, Factor factor) {
  const Around x(call.inputs[0].shape(), call.attributes.integer("axis"));
  const GradientSink& sink = call.input_gradients[0];
  kernels::axis_sum_backward(x.outer, x.length, x.inner, factor(x.length),
                             call.output_gradients[0].f32(), sink.to.f32(), accumulate(sink));
}

float one(std::int64_t) { return 1.0F; }
float one_over(std::int64_t length) { return 1.0F / static_cast<float>(length); }

std::uint64_t axis_by_rows(std::span<const ValueType>, const Attributes& attributes) {
  return attributes.integer("axis") != 0 ? 1 : 0;
}

constexpr OpDef sum_row{
    .name = "sum",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_axis({"sum", inputs, attributes});
        },
    .forward = [](const ForwardCall& call) { forward_along(call, one); },
    .backward = [](const BackwardCall& call) { backward_along(call, one); },
    .needs = needs_nothing,
    .row_inputs = axis_by_rows,
};

constexpr OpDef mean_row{
    .name = "mean",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_axis({"mean", inputs, attributes});
        },
    .forward = [](const ForwardCall& call) { forward_along(call, one_over); },
    .backward = [](const BackwardCall& call) { backward_along(call, one_over); },
    .needs = needs_nothing,
    .row_inputs = axis_by_rows,
};

constexpr const OpDef* rows[] = {&sum_row, &mean_row};

}  // namespace

OpRows reduce_rows() { return rows; }

Variable sum(Variable x, std::size_t axis) {
  return x.tape().call(sum_row, {&x, 1}, {{"axis", static_cast<std::int64_t>(axis)}});
}

Variable mean(Variable x, std::size_t axis) {
  return x.tape().call(mean_row, {&x, 1}, {{"axis", static_cast<std::int64_t>(axis)}});
}

Variable row_sum(Variable x) { return x.shape().rank() == 1 ? x : sum(flatten(x), 1); }
Variable row_mean(Variable x) { return x.shape().rank() == 1 ? x : mean(flatten(x), 1); }

}  // namespace raven
