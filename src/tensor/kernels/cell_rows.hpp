#pragma once

#include <cstdint>

namespace raven::kernels {

/// Rows of gates [rows, 4 size], blocks i f g o, activated in place; c before may be null for 0.
void lstm_rows(std::int64_t rows, std::int64_t size, float* gates, const float* before, float* c,
               float* h);
/// @param dc in: gradient of c from later; out: of the c before
void lstm_rows_backward(std::int64_t rows, std::int64_t size, const float* gates,
                        const float* before, const float* c, const float* dh, float* dc,
                        float* dgates);

/// The children of one node.
struct ChildRows {
  std::int64_t count;
  const std::int32_t* children;  ///< rows of c; -1 for none
  const float* c;
};

/// One node of a tree: i, o = sigmoid, g = tanh of gates [3 size], sigmoid of forget [count, size],
/// both in place; c = i g + sum of f_k c_k, h = o tanh(c).
void tree_cell(std::int64_t size, float* gates, float* forget, const ChildRows& below, float* c,
               float* h);

/// @param dc gradient of c from above; null for 0
/// @param dgates,dforget out
/// @param dc_below out: rows of children, assigned
void tree_cell_backward(std::int64_t size, const float* gates, const float* forget,
                        const ChildRows& below, const float* c, const float* dh, const float* dc,
                        float* dgates, float* dforget, float* dc_below);

}  // namespace raven::kernels
