#include "raven/graph/ops/layout.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// concat and slice work along the last dimension, or the one that `axis` names. Seen from there a
/// tensor is a matrix: what comes before are its rows, the axis and all after it its columns.
std::int64_t axis_of(const CallCheck& check, const Shape& x) {
  const auto last = static_cast<std::int64_t>(x.rank()) - 1;
  return check.has("axis") ? check.integer("axis", 0, last) : last;
}

struct Sides {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t step;  ///< columns that one element along the axis takes
};

Sides sides_of(const Shape& x, const Attributes& attributes) {
  const std::size_t axis = attributes.find("axis") != nullptr
                               ? static_cast<std::size_t>(attributes.integer("axis"))
                               : x.rank() - 1;
  Sides sides{1, 1, 1};
  for (std::size_t i = 0; i < axis; ++i) sides.rows *= x[i];
  for (std::size_t i = axis + 1; i < x.rank(); ++i) sides.step *= x[i];
  sides.columns = x[axis] * sides.step;
  return sides;
}

/// One reshaped after the other is the whole reshaped, whatever a row becomes.
std::uint64_t reshape_by_rows(std::span<const ValueType> inputs, const Attributes& attributes) {
  return has_rows(inputs, 0) && !attributes.integers("shape").empty() ? 1 : 0;
}

Attributes reshape_joined(const Attributes& attributes, std::int64_t rows) {
  std::vector<std::int64_t> shape = attributes.integers("shape");
  shape[0] = rows;
  return {{"shape", std::move(shape)}};
}

/// concat and slice: rows stay rows unless it is the rows that are put together or cut.
bool keeps_rows(std::span<const ValueType> inputs, const Attributes& attributes) {
  if (attributes.find("axis") != nullptr) return attributes.integer("axis") != 0;
  return inputs[0].shape.rank() > 1;
}

std::uint64_t concat_by_rows(std::span<const ValueType> inputs, const Attributes& attributes) {
  return keeps_rows(inputs, attributes) ? all_by_rows(inputs, attributes) : 0;
}

std::uint64_t slice_by_rows(std::span<const ValueType> inputs, const Attributes& attributes) {
  return keeps_rows(inputs, attributes) ? 1 : 0;
}

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
    .row_inputs = reshape_by_rows,
    .joined = reshape_joined,
    .aliases_input = true,
};

// Parts and slices are copied as words, whatever these are.
const float* words(const ConstView& view) { return static_cast<const float*>(view.data); }
float* words(const View& view) { return static_cast<float*>(view.data); }

CallTypes infer_concat(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("concat", inputs, attributes);
  check.inputs(1, 1024);
  Shape whole = check.any_at_least(0, "first part", 1);
  const auto axis = static_cast<std::size_t>(axis_of(check, whole));
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    Shape part = inputs[i].shape;
    const bool fits = part.rank() == whole.rank() && inputs[i].dtype == inputs[0].dtype;
    const std::int64_t columns = fits ? part[axis] : 0;
    if (columns > 0) part[axis] = whole[axis];
    if (!fits || part != whole) {
      check.reject("a part is " + to_string(inputs[i].shape) + " but the first is " +
                       to_string(inputs[0].shape),
                   "let all parts be of one type and agree in all dimensions but that one");
    }
    whole[axis] += columns;
  }
  return {{{inputs[0].dtype, check.shape(whole.dims())}}, {}};
}

constexpr OpDef concat_row{
    .name = "concat",
    .infer = infer_concat,
    .forward =
        [](const ForwardCall& call) {
          const Sides whole = sides_of(call.outputs[0].shape(), call.attributes);
          float* to = words(call.outputs[0]);
          for (const ConstView& part : call.inputs) {
            const std::int64_t columns = sides_of(part.shape(), call.attributes).columns;
            kernels::copy_block(whole.rows, columns, {words(part), columns}, {to, whole.columns});
            to += columns;
          }
        },
    .backward =
        [](const BackwardCall& call) {
          const Sides whole = sides_of(call.outputs[0].shape(), call.attributes);
          const float* from = call.output_gradients[0].f32();
          for (const GradientSink& sink : call.input_gradients) {
            const std::int64_t columns = sides_of(sink.to.shape(), call.attributes).columns;
            if (sink.wanted()) {
              kernels::copy_block(whole.rows, columns, {from, whole.columns},
                                  {sink.to.f32(), columns}, accumulate(sink));
            }
            from += columns;
          }
        },
    .needs = needs_nothing,
    .row_inputs = concat_by_rows,
};

constexpr OpDef slice_row{
    .name = "slice",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("slice", inputs, attributes);
          check.inputs(1);
          Shape y = check.any_at_least(0, "input", 1);
          const auto axis = static_cast<std::size_t>(axis_of(check, y));
          const std::int64_t first = check.integer("first", 0, y[axis] - 1);
          y[axis] = check.integer("count", 1, y[axis] - first);
          return CallTypes{{{inputs[0].dtype, y}}, {}};
        },
    .forward =
        [](const ForwardCall& call) {
          const Sides x = sides_of(call.inputs[0].shape(), call.attributes);
          const std::int64_t columns = sides_of(call.outputs[0].shape(), call.attributes).columns;
          const float* from = words(call.inputs[0]) + call.attributes.integer("first") * x.step;
          kernels::copy_block(x.rows, columns, {from, x.columns},
                              {words(call.outputs[0]), columns});
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          const Sides x = sides_of(sink.to.shape(), call.attributes);
          const std::int64_t columns = sides_of(call.outputs[0].shape(), call.attributes).columns;
          if (!sink.adds()) std::memset(sink.to.data, 0, sink.to.type.bytes());
          float* to = sink.to.f32() + call.attributes.integer("first") * x.step;
          kernels::copy_block(x.rows, columns, {call.output_gradients[0].f32(), columns},
                              {to, x.columns}, kernels::Accumulate::yes);
        },
    .needs = needs_nothing,
    .row_inputs = slice_by_rows,
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
    .row_inputs = first_by_rows,
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

namespace {

void need_parts(std::span<const Variable> parts) {
  if (!parts.empty()) return;
  throw InputError("concat: there is nothing to put together",
                   "give it a part at least; is the sample of another kind than the model is for?");
}

}  // namespace

Variable concat(std::span<const Variable> parts) {
  need_parts(parts);
  if (parts.size() == 1) return parts[0];
  return parts[0].tape().call(concat_row, parts);
}

Variable slice(Variable x, std::int64_t first, std::int64_t count) {
  return x.tape().call(slice_row, {&x, 1}, {{"first", first}, {"count", count}});
}

Variable concat(std::span<const Variable> parts, std::size_t axis) {
  need_parts(parts);
  if (parts.size() == 1) return parts[0];
  if (axis + 1 == parts[0].shape().rank()) return concat(parts);
  return parts[0].tape().call(concat_row, parts, {{"axis", static_cast<std::int64_t>(axis)}});
}

Variable slice(Variable x, std::size_t axis, std::int64_t first, std::int64_t count) {
  if (axis + 1 == x.shape().rank()) return slice(x, first, count);
  return x.tape().call(
      slice_row, {&x, 1},
      {{"axis", static_cast<std::int64_t>(axis)}, {"count", count}, {"first", first}});
}

std::vector<Variable> split(Variable x, std::size_t axis, std::span<const std::int64_t> counts) {
  std::vector<Variable> parts;
  std::int64_t first = 0;
  for (const std::int64_t count : counts) {
    parts.push_back(slice(x, axis, first, count));
    first += count;
  }
  if (axis >= x.shape().rank() || first != x.shape()[axis]) {
    throw InputError("split: the parts don't make up dimension " + std::to_string(axis) + " of " +
                         to_string(x.shape()),
                     "give counts that add up to it");
  }
  return parts;
}

Variable to_f32(Variable x) { return x.tape().call(to_f32_row, {&x, 1}); }

}  // namespace raven
