#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

struct AttentionShape {
  std::int64_t batch = 1;
  std::int64_t heads = 1;
  std::int64_t queries = 1;  ///< positions that look
  std::int64_t keys = 1;     ///< positions that are looked at
  std::int64_t width = 1;    ///< of one position: heads times the size of a head
  bool causal = false;       ///< query i sees keys up to i + keys - queries
  [[nodiscard]] std::int64_t head_size() const { return width / heads; }
};

/// Queries [batch, queries, width], keys and values [batch, keys, width], `stride` floats from one
/// position to the next: all three may lie side by side in one array.
struct AttentionInputs {
  const float* queries;
  const float* keys;
  const float* values;
  std::int64_t stride;
};

/// y = softmax(q k^T / sqrt(head size)) v for each sample and head (Vaswani et al., 2017), over the
/// keys that a query may see; a query that sees none gives 0.
/// @param lengths [batch], or null: keys from there on are padding
/// @param shares  [batch, heads, queries, keys], kept for the way back
/// @param y       [batch, queries, width]
void attention_forward(const AttentionShape& shape, const AttentionInputs& in,
                       const std::int32_t* lengths, float* shares, float* y);

/// Where a gradient goes, null for nowhere.
struct AttentionGradient {
  float* to = nullptr;
  Accumulate accumulate = Accumulate::no;
};

/// Gradients of queries, keys and values, laid out with `stride` as the inputs are.
void attention_backward(const AttentionShape& shape, const AttentionInputs& in, const float* shares,
                        const float* dy, AttentionGradient queries, AttentionGradient keys,
                        AttentionGradient values);

/// Sequences of any length, one after the other without padding.
struct RaggedAttentionShape {
  std::int64_t sequences = 0;
  std::int64_t heads = 1;
  std::int64_t width = 1;
  bool causal = false;
};

/// Attention of each sequence within itself.
/// @param packed  [tokens, 3 width]: queries, keys and values of a position side by side
/// @param lengths [sequences], none negative, `tokens` together
/// @param y       [tokens, width]
void ragged_attention_forward(const RaggedAttentionShape& shape, const float* packed,
                              const std::int32_t* lengths, float* y);
/// Shares are made again rather than kept: how many there are depends on the lengths.
void ragged_attention_backward(const RaggedAttentionShape& shape, const float* packed,
                               const std::int32_t* lengths, const float* dy,
                               AttentionGradient packed_gradient);

}  // namespace raven::kernels
