#include "raven/graph/ops/embedding.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/row_sink.hpp"
#include "raven/tensor/kernels/embedding.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// out[i, :] = table[indices[i], :]
constexpr OpDef embedding_row{
    .name = "embedding",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("embedding", inputs, attributes);
          check.inputs(2);
          const Shape& indices = check.i32(0, "indices");
          const Shape& table = check.f32(1, "table", 2);
          static_cast<void>(check.integer("padding_index", -1, table[0] - 1));
          std::vector<std::int64_t> dims(indices.begin(), indices.end());
          dims.push_back(table[1]);
          return makes(check.shape(dims));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& table = call.inputs[1].shape();
          kernels::embedding_forward(call.inputs[0].count(), table[0], table[1],
                                     call.inputs[0].i32(), call.inputs[1].f32(),
                                     call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const Shape& table = call.inputs[1].shape();
          const GradientSink& sink = call.input_gradients[1];
          if (!sink.wanted()) return;
          const std::int64_t count = call.inputs[0].count();
          const std::int32_t* indices = call.inputs[0].i32();
          const float* gradient = call.output_gradients[0].f32();
          const auto padding = static_cast<std::int32_t>(call.attributes.integer("padding_index"));
          if (sink.rows != nullptr) {
            sink.rows->add({indices, static_cast<std::size_t>(count)}, gradient, padding);
            return;
          }
          kernels::embedding_backward(count, table[0], table[1], indices, gradient, sink.to.f32(),
                                      accumulate(sink), padding);
        },
    .needs = needs_inputs,
    .row_inputs = first_by_rows,
    .looked_up_input = 1,
};

constexpr const OpDef* rows[] = {&embedding_row};

}  // namespace

OpRows embedding_rows() { return rows; }

Variable embedding(Variable indices, Variable table, std::int64_t padding_index) {
  const Variable inputs[] = {indices, table};
  return indices.tape().call(embedding_row, inputs, {{"padding_index", padding_index}});
}

Variable gather(Variable x, Variable indices) {
  if (x.shape().rank() == 0) {
    throw InputError("gather: a single number has no rows", "give it a first dimension");
  }
  const std::int64_t width = x.shape().row_count();
  const Variable taken = embedding(indices, reshape(x, {x.shape()[0], width}));
  std::vector<std::int64_t> dims(indices.shape().begin(), indices.shape().end());
  dims.insert(dims.end(), x.shape().begin() + 1, x.shape().end());
  return reshape(taken, Shape(dims));
}

}  // namespace raven
