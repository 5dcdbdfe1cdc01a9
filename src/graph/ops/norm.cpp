#include "raven/graph/ops/norm.hpp"

#include <cstring>

#include "infer.hpp"
#include "join.hpp"
#include "raven/tensor/kernels/norm.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

void check_epsilon(const CallCheck& check) {
  static_cast<void>(check.real("epsilon", 1.0e-12, 1.0));
}

float epsilon_of(const Attributes& attributes) {
  return static_cast<float>(attributes.real("epsilon"));
}

const float* input_or_null(std::span<const ConstView> inputs, std::size_t i) {
  return i < inputs.size() ? inputs[i].f32() : nullptr;
}

/// Runs a kernel that makes dx (perhaps over dy), dgamma and dbeta at once.
template <class Kernel>
void backward_into(const BackwardCall& call, Kernel kernel) {
  const GradientSink nobody;
  const GradientSink& x = call.input_gradients[0];
  const bool affine = call.input_gradients.size() > 2;
  const GradientSink& gamma = affine ? call.input_gradients[1] : nobody;
  const GradientSink& beta = affine ? call.input_gradients[2] : nobody;
  const kernels::Accumulate mode = same_mode(gamma, beta);
  float* dy = call.output_gradients[0].f32();
  float* dx = x.wanted() && !x.adds() ? x.to.f32() : dy;
  kernel(dy, dx, target(gamma), target(beta), mode);
  if (x.adds()) kernels::add_into(x.to.count(), dx, x.to.f32());
}

/// How many of the last elements of x are normalised together.
std::int64_t layer_columns(std::span<const ConstView> inputs) {
  return inputs.size() == 3 ? inputs[1].count() : inputs[0].shape().back();
}

CallTypes infer_layer_norm(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("layer_norm", inputs, attributes);
  check.inputs(1, 3);
  const Shape& x = check.f32_at_least(0, "input", 1);
  check_epsilon(check);
  std::int64_t columns = x.back();
  if (check.input_count() > 1) {
    const Shape& gamma = check.f32_at_least(1, "gamma", 1);
    if (gamma.rank() > x.rank() ||
        !std::equal(gamma.begin(), gamma.end(), x.end() - gamma.rank())) {
      check.reject(
          "gamma is " + to_string(gamma) + ", which are not the last dimensions of " + to_string(x),
          "make it fit the input");
    }
    check.f32_like(2, "beta", gamma);
    columns = gamma.count();
  }
  const ValueType row = check.f32_type({x.count() / columns});
  return {{inputs[0]}, {row, row}};
}

/// Unless all of x is normalised together.
std::uint64_t layer_norm_by_rows(std::span<const ValueType> inputs, const Attributes&) {
  const std::size_t together = inputs.size() == 3 ? inputs[1].shape.rank() : 1;
  return inputs[0].shape.rank() > together ? 1 : 0;
}

/// Saves mean and 1 / deviation of each row.
constexpr OpDef layer_norm_row{
    .name = "layer_norm",
    .infer = infer_layer_norm,
    .forward =
        [](const ForwardCall& call) {
          const std::int64_t columns = layer_columns(call.inputs);
          kernels::layer_norm_forward(
              call.inputs[0].count() / columns, columns, epsilon_of(call.attributes),
              call.inputs[0].f32(), input_or_null(call.inputs, 1), input_or_null(call.inputs, 2),
              call.outputs[0].f32(), call.saved[0].f32(), call.saved[1].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const std::int64_t columns = layer_columns(call.inputs);
          backward_into(call, [&](const float* dy, float* dx, float* dgamma, float* dbeta,
                                  kernels::Accumulate mode) {
            kernels::layer_norm_backward(call.inputs[0].count() / columns, columns,
                                         call.inputs[0].f32(), input_or_null(call.inputs, 1),
                                         call.saved[0].f32(), call.saved[1].f32(), dy, dx, dgamma,
                                         dbeta, mode);
          });
        },
    .needs = needs_inputs,
    .row_inputs = layer_norm_by_rows,
    .backward_in_place = true,
};

/// Input 0 [..., channels], then `vectors` inputs of [channels].
Shape check_channels(const CallCheck& check, std::initializer_list<std::string_view> vectors) {
  check.inputs(1 + vectors.size());
  const Shape& x = check.f32_at_least(0, "input", 2);
  std::size_t input = 1;
  for (const std::string_view name : vectors) check.f32_like(input++, name, {x.back()});
  check_epsilon(check);
  return x;
}

std::int64_t channels_of(const ConstView& x) { return x.shape().back(); }
std::int64_t rows_of(const ConstView& x) { return x.count() / x.shape().back(); }

void batch_norm_forward(const ForwardCall& call) {
  const ConstView& x = call.inputs[0];
  const std::int64_t rows = rows_of(x);
  const std::int64_t channels = channels_of(x);
  kernels::batch_norm_forward(rows, channels, epsilon_of(call.attributes), x.f32(),
                              call.inputs[1].f32(), call.inputs[2].f32(), call.outputs[0].f32(),
                              call.saved[0].f32(), call.saved[1].f32());
  std::memcpy(call.outputs[1].data, call.saved[0].data, call.saved[0].type.bytes());
  // Bessel's correction; of a single row nothing better than its own variance is known.
  const double unbiased =
      rows > 1 ? static_cast<double>(rows) / static_cast<double>(rows - 1) : 1.0;
  kernels::scale(channels, static_cast<float>(unbiased), call.saved[1].f32(),
                 call.outputs[2].f32());
}

/// y, mean, unbiased variance; saves mean and biased variance, so that y need not be kept for their
/// sake.
constexpr OpDef batch_norm_row{
    .name = "batch_norm",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("batch_norm", inputs, attributes);
          const ValueType channels =
              check.f32_type({check_channels(check, {"gamma", "beta"}).back()});
          return CallTypes{{inputs[0], channels, channels}, {channels, channels}};
        },
    .forward = batch_norm_forward,
    .backward =
        [](const BackwardCall& call) {
          const ConstView& x = call.inputs[0];
          backward_into(call, [&](const float* dy, float* dx, float* dgamma, float* dbeta,
                                  kernels::Accumulate mode) {
            kernels::batch_norm_backward(rows_of(x), channels_of(x), epsilon_of(call.attributes),
                                         x.f32(), call.inputs[1].f32(), call.saved[0].f32(),
                                         call.saved[1].f32(), dy, dx, dgamma, dbeta, mode);
          });
        },
    .needs = needs_inputs,
    .backward_in_place = true,
};

constexpr OpDef batch_norm_inference_row{
    .name = "batch_norm_inference",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("batch_norm_inference", inputs, attributes);
          return makes(check_channels(check, {"gamma", "beta", "mean", "variance"}));
        },
    .forward =
        [](const ForwardCall& call) {
          const ConstView& x = call.inputs[0];
          kernels::batch_norm_inference(rows_of(x), channels_of(x), epsilon_of(call.attributes),
                                        x.f32(), call.inputs[1].f32(), call.inputs[2].f32(),
                                        call.inputs[3].f32(), call.inputs[4].f32(),
                                        call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const ConstView& x = call.inputs[0];
          backward_into(call, [&](const float* dy, float* dx, float* dgamma, float* dbeta,
                                  kernels::Accumulate mode) {
            kernels::batch_norm_inference_backward(
                rows_of(x), channels_of(x), epsilon_of(call.attributes), x.f32(),
                call.inputs[1].f32(), call.inputs[3].f32(), call.inputs[4].f32(), dy, dx, dgamma,
                dbeta, mode);
          });
        },
    .needs = needs_inputs,
    .row_inputs = first_by_rows,
    .differentiable_inputs = 3,
    .backward_in_place = true,
};

constexpr const OpDef* rows[] = {&layer_norm_row, &batch_norm_row, &batch_norm_inference_row};

}  // namespace

OpRows norm_rows() { return rows; }

Variable layer_norm(Variable x, Variable gamma, Variable beta, double epsilon) {
  expects(gamma.empty() == beta.empty(), "layer_norm has both gamma and beta, or neither");
  const Variable inputs[] = {x, gamma, beta};
  return x.tape().call(layer_norm_row, std::span(inputs).first(gamma.empty() ? 1 : 3),
                       {{"epsilon", epsilon}});
}

BatchNormed batch_norm(Variable x, Variable gamma, Variable beta, double epsilon) {
  const Variable inputs[] = {x, gamma, beta};
  Tape& tape = x.tape();
  const Variable y = tape.call(batch_norm_row, inputs, {{"epsilon", epsilon}});
  return {y, tape.output(y, 1), tape.output(y, 2)};
}

Variable batch_norm_inference(Variable x, Variable gamma, Variable beta, Variable mean,
                              Variable variance, double epsilon) {
  const Variable inputs[] = {x, gamma, beta, mean, variance};
  return x.tape().call(batch_norm_inference_row, inputs, {{"epsilon", epsilon}});
}

}  // namespace raven
