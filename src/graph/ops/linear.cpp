#include "raven/graph/ops/linear.hpp"

#include "activation_attribute.hpp"
#include "join.hpp"
#include "raven/tensor/kernels/linear.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// Rows are all dimensions of x but the last.
kernels::LinearShape shape_of(const Shape& x, const Shape& weight) {
  return {.rows = x.count() / x.back(), .in = x.back(), .out = weight[0]};
}

CallTypes infer_linear(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("linear", inputs, attributes);
  check.inputs(2, 3);
  const Shape& x = check.f32_at_least(0, "input", 1);
  const Shape& weight = check.f32(1, "weight", 2);
  if (x.back() != weight[1]) {
    check.reject("the input has " + std::to_string(x.back()) + " columns but the weight " +
                     to_string(weight) + " takes " + std::to_string(weight[1]),
                 "make the layer as wide as what comes before it");
  }
  if (check.input_count() == 3) check.f32_like(2, "bias", {weight[0]});
  Shape y = x;
  y[x.rank() - 1] = weight[0];
  CallTypes types = makes(check.shape(y.dims()));
  if (kernels::activation_needs_input(check_activation(check).kind)) {
    types.saved = types.outputs;
  }
  return types;
}

void linear_forward(const ForwardCall& call) {
  const ConstView& x = call.inputs[0];
  const ConstView& weight = call.inputs[1];
  const float* bias = call.inputs.size() == 3 ? call.inputs[2].f32() : nullptr;
  kernels::linear_forward(shape_of(x.shape(), weight.shape()), x.f32(), weight.f32(), bias,
                          activation_of(call.attributes), call.outputs[0].f32(),
                          call.saved.empty() ? nullptr : call.saved[0].f32());
}

void linear_backward(const BackwardCall& call) {
  const ConstView& x = call.inputs[0];
  const ConstView& weight = call.inputs[1];
  const kernels::LinearShape shape = shape_of(x.shape(), weight.shape());
  const kernels::Activation activation = activation_of(call.attributes);
  const bool with_bias = call.input_gradients.size() == 3 && call.input_gradients[2].wanted();

  float* dz = call.output_gradients[0].f32();
  const float* kept = call.saved.empty() ? call.outputs[0].f32() : call.saved[0].f32();
  if (with_bias || activation.kind != kernels::ActivationKind::identity) {
    kernels::bias_activation_backward(
        shape.rows, shape.out, activation, kept, dz, dz,
        with_bias ? call.input_gradients[2].to.f32() : nullptr,
        with_bias ? accumulate(call.input_gradients[2]) : kernels::Accumulate::no);
  }
  if (const GradientSink& sink = call.input_gradients[1]; sink.wanted()) {
    kernels::linear_backward_weight(shape, dz, x.f32(), sink.to.f32(), accumulate(sink));
    call.written(1);
  }
  if (with_bias) call.written(2);
  if (const GradientSink& sink = call.input_gradients[0]; sink.wanted()) {
    kernels::linear_backward_input(shape, dz, weight.f32(), sink.to.f32(), accumulate(sink));
  }
}

/// y = f(x W^T + b), saving f' for the activations whose derivative needs what comes before f: that
/// f has most of it at hand.
constexpr OpDef linear_row{
    .name = "linear",
    .infer = infer_linear,
    .forward = linear_forward,
    .backward = linear_backward,
    .needs = fused_needs,
    .flops =
        [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
          return 2.0 * static_cast<double>(outputs[0].shape.count()) *
                 static_cast<double>(inputs[0].shape.back());
        },
    .row_inputs = matrix_by_rows,
};

/// [m, k] times [k, n]
constexpr OpDef matmul_row{
    .name = "matmul",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("matmul", inputs, attributes);
          check.inputs(2);
          const Shape& a = check.f32(0, "first matrix", 2);
          const Shape& b = check.f32(1, "second matrix", 2);
          if (a[1] != b[0]) {
            check.reject("the first matrix is " + to_string(a) + " but the second " + to_string(b),
                         "let the first have as many columns as the second has rows");
          }
          return makes(check.shape({a[0], b[1]}));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& a = call.inputs[0].shape();
          kernels::gemm(kernels::Transpose::no, kernels::Transpose::no, a[0],
                        call.inputs[1].shape()[1], a[1], call.inputs[0].f32(), call.inputs[1].f32(),
                        call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const std::int64_t m = call.inputs[0].shape()[0];
          const std::int64_t k = call.inputs[0].shape()[1];
          const std::int64_t n = call.inputs[1].shape()[1];
          const float* dy = call.output_gradients[0].f32();
          if (const GradientSink& sink = call.input_gradients[0]; sink.wanted()) {
            kernels::gemm(kernels::Transpose::no, kernels::Transpose::yes, m, k, n, dy,
                          call.inputs[1].f32(), sink.to.f32(), accumulate(sink));
          }
          if (const GradientSink& sink = call.input_gradients[1]; sink.wanted()) {
            kernels::gemm(kernels::Transpose::yes, kernels::Transpose::no, k, n, m,
                          call.inputs[0].f32(), dy, sink.to.f32(), accumulate(sink));
          }
        },
    .needs = needs_inputs,
    .flops =
        [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
          return 2.0 * static_cast<double>(outputs[0].shape.count()) *
                 static_cast<double>(inputs[0].shape.back());
        },
    .row_inputs = first_by_rows,
};

constexpr const OpDef* rows[] = {&linear_row, &matmul_row};

}  // namespace

OpRows linear_rows() { return rows; }

Variable linear(Variable x, Variable weight, Variable bias, const kernels::Activation& activation) {
  Attributes attributes;
  put_activation(attributes, activation);
  const Variable inputs[] = {x, weight, bias};
  return x.tape().call(linear_row, std::span(inputs).first(bias.empty() ? 2 : 3),
                       std::move(attributes));
}

Variable matmul(Variable a, Variable b) {
  const Variable inputs[] = {a, b};
  return a.tape().call(matmul_row, inputs);
}

}  // namespace raven
