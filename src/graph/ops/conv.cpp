#include "raven/graph/ops/conv.hpp"

#include "activation_attribute.hpp"
#include "join.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/tensor/kernels/conv.hpp"
#include "raven/tensor/kernels/linear.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

constexpr std::int64_t max_step = 1 << 20;  // keeps dilation times kernel within 64 bits

kernels::ConvShape shape_of(const Shape& x, const Shape& weight, const Attributes& attributes) {
  const auto& stride = attributes.integers("stride");
  const auto& padding = attributes.integers("padding");
  const auto& dilation = attributes.integers("dilation");
  return {.batch = x[0],
          .height = x[1],
          .width = x[2],
          .in = x[3],
          .out = weight[0],
          .kernel_height = weight[1],
          .kernel_width = weight[2],
          .stride_height = stride[0],
          .stride_width = stride[1],
          .padding_height = padding[0],
          .padding_width = padding[1],
          .dilation_height = dilation[0],
          .dilation_width = dilation[1],
          .groups = attributes.integer("groups")};
}

void check_channels(const CallCheck& check, const Shape& x, const Shape& weight) {
  const std::int64_t groups = check.integer("groups", 1, max_step);
  if (x[3] % groups != 0 || weight[0] % groups != 0) {
    check.reject(std::to_string(groups) + " groups do not divide " + std::to_string(x[3]) +
                     " channels of the input and " + std::to_string(weight[0]) + " of the output",
                 "choose a number of groups that divides both");
  }
  if (weight[3] != x[3] / groups) {
    check.reject("the input has " + std::to_string(x[3]) + " channels in " +
                     std::to_string(groups) + " groups but the weight " + to_string(weight) +
                     " takes " + std::to_string(weight[3]) + " for each",
                 "make the layer fit what comes before it");
  }
}

CallTypes infer_conv2d(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("conv2d", inputs, attributes);
  check.inputs(2, 3);
  const Shape& x = check.f32(0, "input", 4);
  const Shape& weight = check.f32(1, "weight", 4);
  static_cast<void>(check.pair("stride", 1, max_step));
  static_cast<void>(check.pair("padding", 0, max_step));
  static_cast<void>(check.pair("dilation", 1, max_step));
  check_channels(check, x, weight);
  if (check.input_count() == 3) check.f32_like(2, "bias", {weight[0]});

  const kernels::ConvShape shape = shape_of(x, weight, attributes);
  const auto fits = [](std::int64_t size, std::int64_t padding, std::int64_t dilation,
                       std::int64_t kernel) {
    return size + 2 * padding - dilation * (kernel - 1) - 1 >= 0;
  };
  if (!fits(shape.height, shape.padding_height, shape.dilation_height, shape.kernel_height) ||
      !fits(shape.width, shape.padding_width, shape.dilation_width, shape.kernel_width)) {
    check.reject("the kernel of " + to_string(weight) + " is larger than the image " +
                     to_string(x) + " with its padding",
                 "use a smaller kernel or dilation, or more padding");
  }
  const ValueType y = check.f32_type({x[0], shape.out_height(), shape.out_width(), shape.out});
  CallTypes types{{y}, {}};
  if (kernels::activation_needs_input(check_activation(check).kind)) types.saved = {y};
  return types;
}

void conv2d_backward(const BackwardCall& call) {
  const ConstView& x = call.inputs[0];
  const ConstView& weight = call.inputs[1];
  const kernels::ConvShape shape = shape_of(x.shape(), weight.shape(), call.attributes);
  const kernels::Activation activation = activation_of(call.attributes);
  const bool with_bias = call.input_gradients.size() == 3 && call.input_gradients[2].wanted();

  float* dz = call.output_gradients[0].f32();
  const float* kept = call.saved.empty() ? call.outputs[0].f32() : call.saved[0].f32();
  if (with_bias || activation.kind != kernels::ActivationKind::identity) {
    kernels::bias_activation_backward(
        shape.out_rows(), shape.out, activation, kept, dz, dz,
        with_bias ? call.input_gradients[2].to.f32() : nullptr,
        with_bias ? accumulate(call.input_gradients[2]) : kernels::Accumulate::no);
  }
  if (const GradientSink& sink = call.input_gradients[1]; sink.wanted()) {
    kernels::conv2d_backward_weight(shape, dz, x.f32(), sink.to.f32(), accumulate(sink));
  }
  if (const GradientSink& sink = call.input_gradients[0]; sink.wanted()) {
    kernels::conv2d_backward_input(shape, dz, weight.f32(), sink.to.f32(), accumulate(sink));
  }
}

/// y = f(conv(x, weight) + bias), saving f' for the activations whose derivative needs what comes
/// before f.
constexpr OpDef conv2d_row{
    .name = "conv2d",
    .infer = infer_conv2d,
    .forward =
        [](const ForwardCall& call) {
          const ConstView& x = call.inputs[0];
          const ConstView& weight = call.inputs[1];
          kernels::conv2d_forward(shape_of(x.shape(), weight.shape(), call.attributes), x.f32(),
                                  weight.f32(),
                                  call.inputs.size() == 3 ? call.inputs[2].f32() : nullptr,
                                  activation_of(call.attributes), call.outputs[0].f32(),
                                  call.saved.empty() ? nullptr : call.saved[0].f32());
        },
    .backward = conv2d_backward,
    .needs = fused_needs,
    .flops =
        [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
          return 2.0 * static_cast<double>(outputs[0].shape.count()) *
                 static_cast<double>(inputs[1].shape.row_count());
        },
    .row_inputs = first_by_rows,
};

constexpr const OpDef* rows[] = {&conv2d_row};

}  // namespace

OpRows conv_rows() { return rows; }

Variable conv2d(Variable x, Variable weight, Variable bias, const Conv2dOptions& options,
                const kernels::Activation& activation) {
  const auto list = [](const Size2d& size) {
    return std::vector<std::int64_t>(size.begin(), size.end());
  };
  Attributes attributes{{"stride", list(options.stride)},
                        {"padding", list(options.padding)},
                        {"dilation", list(options.dilation)},
                        {"groups", options.groups}};
  put_activation(attributes, activation);
  const Variable inputs[] = {x, weight, bias};
  return x.tape().call(conv2d_row, std::span(inputs).first(bias.empty() ? 2 : 3),
                       std::move(attributes));
}

Variable conv1d(Variable x, Variable weight, Variable bias, const Conv1dOptions& options,
                const kernels::Activation& activation) {
  if (x.shape().rank() != 3 || weight.shape().rank() != 3) {
    throw InputError("conv1d: an input of " + to_string(x.shape()) + " and a weight of " +
                         to_string(weight.shape()),
                     "give [n, length, channels] and [out, kernel, in / groups]");
  }
  // A row of an image that has only one: with channels last, nothing moves.
  const Shape& s = x.shape();
  const Shape& w = weight.shape();
  const Variable y =
      conv2d(reshape(x, {s[0], 1, s[1], s[2]}), reshape(weight, {w[0], 1, w[1], w[2]}), bias,
             {.stride = {1, options.stride},
              .padding = {0, options.padding},
              .dilation = {1, options.dilation},
              .groups = options.groups},
             activation);
  return reshape(y, {s[0], y.shape()[2], w[0]});
}

}  // namespace raven
