#include "raven/graph/ops/attention.hpp"

#include "infer.hpp"
#include "join.hpp"
#include "raven/tensor/kernels/attention.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

// Inputs are [packed], [packed, lengths], [q, k, v] or [q, k, v, lengths].

bool is_packed(std::size_t inputs) { return inputs < 3; }
bool has_lengths(std::size_t inputs) { return inputs % 2 == 0; }

CallTypes infer_attention(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("attention", inputs, attributes);
  check.inputs(1, 4);
  const std::int64_t heads = check.integer("heads", 1, max_size);
  const bool causal = check.integer("causal", 0, 1) == 1;
  const Shape& q = check.f32(0, "queries", 3);
  std::int64_t width = q[2];
  std::int64_t keys = q[1];
  if (is_packed(inputs.size())) {
    if (width % 3 != 0) {
      check.reject("queries, keys and values side by side are " + to_string(q),
                   "make the last dimension three times the width");
    }
    width /= 3;
  } else {
    const Shape& k = check.f32(1, "keys", 3);
    keys = k[1];
    check.f32_like(1, "keys", {q[0], keys, width});
    check.f32_like(2, "values", {q[0], keys, width});
  }
  if (width % heads != 0) {
    check.reject("a width of " + std::to_string(width) + " can't be shared by " +
                     std::to_string(heads) + " heads",
                 "let the number of heads divide the width");
  }
  if (causal && keys < q[1]) {
    check.reject("there are fewer keys than queries, so that the first queries see none",
                 "give as many keys as queries");
  }
  if (has_lengths(inputs.size()) && check.i32(inputs.size() - 1, "lengths") != Shape({q[0]})) {
    check.reject("the lengths are " + to_string(inputs.back().shape),
                 "give one length for each sample");
  }
  CallTypes types = makes(check.shape({q[0], q[1], width}));
  types.saved = {{DType::f32, check.shape({q[0], heads, q[1], keys})}};
  return types;
}

kernels::AttentionShape shape_of(std::span<const ConstView> inputs, const Attributes& attributes) {
  const Shape& q = inputs[0].shape();
  const bool packed = is_packed(inputs.size());
  return {.batch = q[0],
          .heads = attributes.integer("heads"),
          .queries = q[1],
          .keys = packed ? q[1] : inputs[1].shape()[1],
          .width = packed ? q[2] / 3 : q[2],
          .causal = attributes.integer("causal") == 1};
}

kernels::AttentionInputs inputs_of(std::span<const ConstView> inputs, std::int64_t width) {
  const float* q = inputs[0].f32();
  if (is_packed(inputs.size())) return {q, q + width, q + 2 * width, 3 * width};
  return {q, inputs[1].f32(), inputs[2].f32(), width};
}

void attention_forward(const ForwardCall& call) {
  const kernels::AttentionShape shape = shape_of(call.inputs, call.attributes);
  const std::int32_t* lengths =
      has_lengths(call.inputs.size()) ? call.inputs.back().i32() : nullptr;
  kernels::attention_forward(shape, inputs_of(call.inputs, shape.width), lengths,
                             call.saved[0].f32(), call.outputs[0].f32());
}

void attention_backward(const BackwardCall& call) {
  const kernels::AttentionShape shape = shape_of(call.inputs, call.attributes);
  kernels::AttentionGradient to[3];
  const bool packed = is_packed(call.inputs.size());
  for (std::size_t i = 0; i < 3; ++i) {
    const GradientSink& sink = call.input_gradients[packed ? 0 : i];
    if (!sink.wanted()) continue;
    const std::int64_t offset = packed ? static_cast<std::int64_t>(i) * shape.width : 0;
    to[i] = {sink.to.f32() + offset, accumulate(sink)};
  }
  kernels::attention_backward(shape, inputs_of(call.inputs, shape.width), call.saved[0].f32(),
                              call.output_gradients[0].f32(), to[0], to[1], to[2]);
}

constexpr OpDef attention_row{
    .name = "attention",
    .infer = infer_attention,
    .forward = attention_forward,
    .backward = attention_backward,
    .needs = needs_inputs,
    // Scores and their use; the planner counts as much again for each of two gradients.
    .flops =
        [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
          const std::int64_t keys = inputs[is_packed(inputs.size()) ? 0 : 1].shape[1];
          return 4.0 * static_cast<double>(outputs[0].shape.count()) * static_cast<double>(keys);
        },
    .row_inputs = all_by_rows,
};

// Inputs of ragged_attention are packed [tokens, 3 width] and lengths [sequences].

CallTypes infer_ragged(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("ragged_attention", inputs, attributes);
  check.inputs(2);
  const std::int64_t heads = check.integer("heads", 1, max_size);
  static_cast<void>(check.integer("causal", 0, 1));
  const Shape& packed = check.f32(0, "queries, keys and values", 2);
  if (packed[1] % 3 != 0) {
    check.reject("queries, keys and values side by side are " + to_string(packed),
                 "make the last dimension three times the width");
  }
  const std::int64_t width = packed[1] / 3;
  if (width % heads != 0) {
    check.reject("a width of " + std::to_string(width) + " can't be shared by " +
                     std::to_string(heads) + " heads",
                 "let the number of heads divide the width");
  }
  if (check.i32(1, "lengths").rank() != 1) {
    check.reject("the lengths are " + to_string(inputs[1].shape), "give one for each sequence");
  }
  return makes(check.shape({packed[0], width}));
}

kernels::RaggedAttentionShape ragged_shape_of(std::span<const ConstView> inputs,
                                              const Attributes& attributes) {
  return {.sequences = inputs[1].count(),
          .heads = attributes.integer("heads"),
          .width = inputs[0].shape()[1] / 3,
          .causal = attributes.integer("causal") == 1};
}

constexpr OpDef ragged_attention_row{
    .name = "ragged_attention",
    .infer = infer_ragged,
    .forward =
        [](const ForwardCall& call) {
          check_sequence_lengths("ragged_attention", call.inputs[1], call.inputs[0].shape()[0]);
          kernels::ragged_attention_forward(ragged_shape_of(call.inputs, call.attributes),
                                            call.inputs[0].f32(), call.inputs[1].i32(),
                                            call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          if (!sink.wanted()) return;
          kernels::ragged_attention_backward(ragged_shape_of(call.inputs, call.attributes),
                                             call.inputs[0].f32(), call.inputs[1].i32(),
                                             call.output_gradients[0].f32(),
                                             {sink.to.f32(), accumulate(sink)});
        },
    .needs = needs_inputs,
    // As if all sequences were of one length: types do not tell more.
    .flops =
        [](std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
          const auto sequences = static_cast<double>(inputs[1].shape.count());
          if (sequences == 0) return 0.0;
          return 4.0 * static_cast<double>(outputs[0].shape.count()) *
                 static_cast<double>(inputs[0].shape[0]) / sequences;
        },
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
};

constexpr const OpDef* rows[] = {&attention_row, &ragged_attention_row};

Variable record(std::span<const Variable> inputs, const AttentionOptions& options) {
  return inputs[0].tape().call(
      attention_row, inputs,
      {{"causal", std::int64_t{options.causal ? 1 : 0}}, {"heads", options.heads}});
}

}  // namespace

OpRows attention_rows() { return rows; }

Variable attention(Variable queries, Variable keys, Variable values, Variable lengths,
                   const AttentionOptions& options) {
  const Variable inputs[] = {queries, keys, values, lengths};
  return record(std::span(inputs).first(lengths.empty() ? 3 : 4), options);
}

Variable self_attention(Variable packed, Variable lengths, const AttentionOptions& options) {
  const Variable inputs[] = {packed, lengths};
  return record(std::span(inputs).first(lengths.empty() ? 1 : 2), options);
}

Variable ragged_attention(Variable packed, Variable lengths, const AttentionOptions& options) {
  const Variable inputs[] = {packed, lengths};
  return packed.tape().call(
      ragged_attention_row, inputs,
      {{"causal", std::int64_t{options.causal ? 1 : 0}}, {"heads", options.heads}});
}

}  // namespace raven
