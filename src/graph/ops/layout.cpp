#include "raven/graph/ops/layout.hpp"

#include "infer.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

std::int64_t rows_of(const Shape& x) { return x.count() / x.back(); }

constexpr OpDef reshape_row{
    .name = "reshape",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("reshape", inputs, attributes);
          check.inputs(1);
          const Shape shape = check.shape(check.integers("shape"));
          if (shape.count() != inputs[0].shape.count()) {
            check.reject(to_string(inputs[0].shape) + " can't become " + to_string(shape) +
                             ", which has another number of elements",
                         "let the sizes multiply to the same number");
          }
          return CallTypes{{{inputs[0].dtype, shape}}, {}};
        },
    .aliases_input = true,
};

CallTypes infer_concat(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("concat", inputs, attributes);
  check.inputs(1, 1024);
  Shape whole = check.f32_at_least(0, "first part", 1);
  const std::size_t last = whole.rank() - 1;
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    Shape part = check.f32(i, "part");
    const std::int64_t columns = part.rank() == whole.rank() ? part[last] : 0;
    if (columns > 0) part[last] = whole[last];
    if (part != whole) {
      check.reject("a part is " + to_string(inputs[i].shape) + " but the first is " +
                       to_string(inputs[0].shape),
                   "let all parts agree in all dimensions but the last");
    }
    whole[last] += columns;
  }
  return makes(check.shape(whole.dims()));
}

constexpr OpDef concat_row{
    .name = "concat",
    .infer = infer_concat,
    .forward =
        [](const ForwardCall& call) {
          const std::int64_t width = call.outputs[0].shape().back();
          float* to = call.outputs[0].f32();
          for (const ConstView& part : call.inputs) {
            const std::int64_t columns = part.shape().back();
            kernels::copy_block(rows_of(part.shape()), columns, {part.f32(), columns}, {to, width});
            to += columns;
          }
        },
    .backward =
        [](const BackwardCall& call) {
          const std::int64_t width = call.outputs[0].shape().back();
          const float* from = call.output_gradients[0].f32();
          for (const GradientSink& sink : call.input_gradients) {
            const std::int64_t columns = sink.to.shape().back();
            if (sink.wanted()) {
              kernels::copy_block(rows_of(sink.to.shape()), columns, {from, width},
                                  {sink.to.f32(), columns}, accumulate(sink));
            }
            from += columns;
          }
        },
    .needs = needs_nothing,
};

constexpr OpDef slice_row{
    .name = "slice",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("slice", inputs, attributes);
          check.inputs(1);
          Shape y = check.f32_at_least(0, "input", 1);
          const std::int64_t first = check.integer("first", 0, y.back() - 1);
          y[y.rank() - 1] = check.integer("count", 1, y.back() - first);
          return makes(y);
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& x = call.inputs[0].shape();
          const std::int64_t columns = call.outputs[0].shape().back();
          kernels::copy_block(rows_of(x), columns,
                              {call.inputs[0].f32() + call.attributes.integer("first"), x.back()},
                              {call.outputs[0].f32(), columns});
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          const Shape& x = sink.to.shape();
          const std::int64_t columns = call.outputs[0].shape().back();
          if (!sink.adds()) std::memset(sink.to.data, 0, sink.to.type.bytes());
          kernels::copy_block(rows_of(x), columns, {call.output_gradients[0].f32(), columns},
                              {sink.to.f32() + call.attributes.integer("first"), x.back()},
                              kernels::Accumulate::yes);
        },
    .needs = needs_nothing,
};

constexpr OpDef to_f32_row{
    .name = "to_f32",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("to_f32", inputs, attributes);
          check.inputs(1);
          return makes(check.i32(0, "input"));
        },
    .forward =
        [](const ForwardCall& call) {
          const std::int32_t* from = call.inputs[0].i32();
          float* to = call.outputs[0].f32();
          parallel_ranges(call.inputs[0].count(), 1 << 15,
                          [&](std::int64_t first, std::int64_t last) {
                            for (std::int64_t i = first; i < last; ++i) {
                              to[i] = static_cast<float>(from[i]);
                            }
                          });
        },
};

constexpr const OpDef* rows[] = {&reshape_row, &concat_row, &slice_row, &to_f32_row};

}  // namespace

OpRows layout_rows() { return rows; }

Variable reshape(Variable x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return x.tape().call(reshape_row, {&x, 1},
                       {{"shape", std::vector<std::int64_t>(shape.begin(), shape.end())}});
}

Variable flatten(Variable x) {
  const Shape& shape = x.shape();
  if (shape.rank() == 0) return x;
  return reshape(x, {shape[0], shape.row_count()});
}

Variable concat(std::span<const Variable> parts) {
  expects(!parts.empty(), "there is something to put together");
  if (parts.size() == 1) return parts[0];
  return parts[0].tape().call(concat_row, parts);
}

Variable slice(Variable x, std::int64_t first, std::int64_t count) {
  return x.tape().call(slice_row, {&x, 1}, {{"first", first}, {"count", count}});
}

Variable to_f32(Variable x) { return x.tape().call(to_f32_row, {&x, 1}); }

}  // namespace raven
