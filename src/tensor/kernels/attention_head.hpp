#pragma once

#include <cstdint>

#include "raven/tensor/kernels/attention.hpp"

namespace raven::kernels {

/// One head of one sample.
struct AttentionHead {
  std::int64_t queries;
  std::int64_t keys;
  std::int64_t size;
  bool causal;          ///< query i sees keys up to i + keys - queries
  std::int64_t length;  ///< keys from there on are padding
  const float* query;
  const float* key;
  const float* value;
  std::int64_t stride;  ///< floats from one position of query, key and value to the next
};

/// How much each query takes from each key, [queries, keys]. Serial, as all here.
void attention_shares(const AttentionHead& head, float* shares);

/// y [queries, size] with `stride` floats from row to row.
/// @param shares [queries, keys], kept for the way back; null: nowhere
void attention_head_forward(const AttentionHead& head, float* shares, float* y,
                            std::int64_t stride);

/// Gradients, laid out as query, key and value are; null for those that nobody wants.
void attention_head_backward(const AttentionHead& head, const float* shares, const float* dy,
                             std::int64_t dy_stride, AttentionGradient query, AttentionGradient key,
                             AttentionGradient value);

}  // namespace raven::kernels
