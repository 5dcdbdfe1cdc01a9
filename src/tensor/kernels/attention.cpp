#include "raven/tensor/kernels/attention.hpp"

#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/attention_head.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

/// Sample and head of a task, and where they begin.
struct Place {
  AttentionHead head;
  std::int64_t query;  ///< in arrays of queries with a stride
  std::int64_t key;    ///< in arrays of keys with a stride
  std::int64_t y;      ///< in y, whose stride is the width
  std::int64_t share;
};

Place place_of(const AttentionShape& shape, const AttentionInputs& in, const std::int32_t* lengths,
               std::int64_t task) {
  const std::int64_t sample = task / shape.heads;
  const std::int64_t column = task % shape.heads * shape.head_size();
  const std::int64_t query = sample * shape.queries * in.stride + column;
  const std::int64_t key = sample * shape.keys * in.stride + column;
  return {.head = {.queries = shape.queries,
                   .keys = shape.keys,
                   .size = shape.head_size(),
                   .causal = shape.causal,
                   .length = lengths == nullptr ? shape.keys : lengths[sample],
                   .query = in.queries + query,
                   .key = in.keys + key,
                   .value = in.values + key,
                   .stride = in.stride},
          .query = query,
          .key = key,
          .y = sample * shape.queries * shape.width + column,
          .share = task * shape.queries * shape.keys};
}

AttentionGradient from(AttentionGradient gradient, std::int64_t offset) {
  if (gradient.to != nullptr) gradient.to += offset;
  return gradient;
}

}  // namespace

void attention_forward(const AttentionShape& shape, const AttentionInputs& in,
                       const std::int32_t* lengths, float* shares, float* y) {
  parallel_for(shape.batch * shape.heads, [&](std::int64_t task) {
    const Place at = place_of(shape, in, lengths, task);
    attention_head_forward(at.head, shares + at.share, y + at.y, shape.width);
  });
}

void attention_backward(const AttentionShape& shape, const AttentionInputs& in, const float* shares,
                        const float* dy, AttentionGradient queries, AttentionGradient keys,
                        AttentionGradient values) {
  parallel_for(shape.batch * shape.heads, [&](std::int64_t task) {
    const Place at = place_of(shape, in, nullptr, task);
    attention_head_backward(at.head, shares + at.share, dy + at.y, shape.width,
                            from(queries, at.query), from(keys, at.key), from(values, at.key));
  });
}

namespace {

/// Calls body(sequence's head, first position, first column) for each sequence and head.
template <class Body>
void for_ragged_heads(const RaggedAttentionShape& shape, const float* packed,
                      const std::int32_t* lengths, const Body& body) {
  const Scratch memory(as_size(2 * shape.sequences));
  auto* const begins = reinterpret_cast<std::int64_t*>(memory.data());
  std::int64_t tokens = 0;
  for (std::int64_t i = 0; i < shape.sequences; ++i) {
    begins[i] = tokens;
    tokens += lengths[i];
  }
  const std::int64_t size = shape.width / shape.heads;
  parallel_for(shape.sequences * shape.heads, [&](std::int64_t task) {
    const std::int64_t sequence = task / shape.heads;
    const std::int64_t column = task % shape.heads * size;
    const std::int64_t length = lengths[sequence];
    if (length == 0) return;
    const float* const query = packed + begins[sequence] * 3 * shape.width + column;
    body(AttentionHead{.queries = length,
                       .keys = length,
                       .size = size,
                       .causal = shape.causal,
                       .length = length,
                       .query = query,
                       .key = query + shape.width,
                       .value = query + 2 * shape.width,
                       .stride = 3 * shape.width},
         begins[sequence], column);
  });
}

}  // namespace

void ragged_attention_forward(const RaggedAttentionShape& shape, const float* packed,
                              const std::int32_t* lengths, float* y) {
  for_ragged_heads(shape, packed, lengths,
                   [&](const AttentionHead& head, std::int64_t first, std::int64_t column) {
                     attention_head_forward(head, nullptr, y + first * shape.width + column,
                                            shape.width);
                   });
}

void ragged_attention_backward(const RaggedAttentionShape& shape, const float* packed,
                               const std::int32_t* lengths, const float* dy,
                               AttentionGradient packed_gradient) {
  for_ragged_heads(shape, packed, lengths,
                   [&](const AttentionHead& head, std::int64_t first, std::int64_t column) {
                     const Scratch shares(as_size(head.queries * head.keys));
                     attention_shares(head, shares.data());
                     const std::int64_t at = first * 3 * shape.width + column;
                     attention_head_backward(head, shares.data(), dy + first * shape.width + column,
                                             shape.width, from(packed_gradient, at),
                                             from(packed_gradient, at + shape.width),
                                             from(packed_gradient, at + 2 * shape.width));
                   });
}

}  // namespace raven::kernels
