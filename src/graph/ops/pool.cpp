#include "raven/graph/ops/pool.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/reduce.hpp"
#include "raven/tensor/kernels/pool.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

constexpr std::int64_t max_step = 1 << 20;

kernels::PoolShape shape_of(const Shape& x, const Attributes& attributes) {
  const auto& kernel = attributes.integers("kernel");
  const auto& stride = attributes.integers("stride");
  const auto& padding = attributes.integers("padding");
  return {.batch = x[0],
          .height = x[1],
          .width = x[2],
          .channels = x[3],
          .kernel_height = kernel[0],
          .kernel_width = kernel[1],
          .stride_height = stride[0],
          .stride_width = stride[1],
          .padding_height = padding[0],
          .padding_width = padding[1]};
}

ValueType check_pool(const CallCheck& check, const Attributes& attributes) {
  check.inputs(1);
  const Shape& x = check.f32(0, "input", 4);
  const auto kernel = check.pair("kernel", 1, max_step);
  const auto padding = check.pair("padding", 0, max_step);
  static_cast<void>(check.pair("stride", 1, max_step));
  for (std::size_t i = 0; i < 2; ++i) {
    if (2 * padding[i] > kernel[i]) {
      check.reject("a padding of " + std::to_string(padding[i]) +
                       " is more than half the window of " + std::to_string(kernel[i]) +
                       ", so that a window could see padding alone",
                   "use less padding or a larger window");
    }
    if (x[i + 1] + 2 * padding[i] < kernel[i]) {
      check.reject("the window of " + std::to_string(kernel[i]) + " is larger than the image " +
                       to_string(x) + " with its padding",
                   "use a smaller window");
    }
  }
  if (x[1] * x[2] > std::numeric_limits<std::int32_t>::max()) {
    check.reject("the image " + to_string(x) + " has too many pixels", "use smaller images");
  }
  const kernels::PoolShape shape = shape_of(x, attributes);
  return check.f32_type({x[0], shape.out_height(), shape.out_width(), x[3]});
}

/// Saves which pixel won.
constexpr OpDef max_pool2d_row{
    .name = "max_pool2d",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const ValueType y = check_pool({"max_pool2d", inputs, attributes}, attributes);
          return CallTypes{{y}, {{DType::i32, y.shape}}};
        },
    .forward =
        [](const ForwardCall& call) {
          kernels::max_pool2d_forward(shape_of(call.inputs[0].shape(), call.attributes),
                                      call.inputs[0].f32(), call.outputs[0].f32(),
                                      call.saved[0].i32());
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          kernels::max_pool2d_backward(shape_of(call.inputs[0].shape(), call.attributes),
                                       call.saved[0].i32(), call.output_gradients[0].f32(),
                                       sink.to.f32(), accumulate(sink));
        },
    .needs = needs_nothing,
    .row_inputs = first_by_rows,
};

constexpr OpDef avg_pool2d_row{
    .name = "avg_pool2d",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return CallTypes{{check_pool({"avg_pool2d", inputs, attributes}, attributes)}, {}};
        },
    .forward =
        [](const ForwardCall& call) {
          kernels::avg_pool2d_forward(shape_of(call.inputs[0].shape(), call.attributes),
                                      call.inputs[0].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          kernels::avg_pool2d_backward(shape_of(call.inputs[0].shape(), call.attributes),
                                       call.output_gradients[0].f32(), sink.to.f32(),
                                       accumulate(sink));
        },
    .needs = needs_nothing,
    .row_inputs = first_by_rows,
};

constexpr const OpDef* rows[] = {&max_pool2d_row, &avg_pool2d_row};

Variable record(const OpDef& row, Variable x, const Pool2dOptions& options) {
  const auto list = [](const Size2d& size) {
    return std::vector<std::int64_t>(size.begin(), size.end());
  };
  Size2d stride = options.stride;
  for (std::size_t i = 0; i < 2; ++i) {
    if (stride[i] == 0) stride[i] = options.kernel[i];
  }
  return x.tape().call(row, {&x, 1},
                       {{"kernel", list(options.kernel)},
                        {"stride", list(stride)},
                        {"padding", list(options.padding)}});
}

}  // namespace

OpRows pool_rows() { return rows; }

Variable max_pool2d(Variable x, const Pool2dOptions& options) {
  return record(max_pool2d_row, x, options);
}

Variable avg_pool2d(Variable x, const Pool2dOptions& options) {
  return record(avg_pool2d_row, x, options);
}

Variable global_avg_pool2d(Variable x) {
  const Shape& shape = x.shape();
  if (shape.rank() != 4) {
    throw InputError("global_avg_pool2d: the input is " + to_string(shape) +
                         ", but must be images [n, height, width, channels]",
                     "put it after a layer that makes images");
  }
  return mean(reshape(x, {shape[0], shape[1] * shape[2], shape[3]}), 1);
}

}  // namespace raven
