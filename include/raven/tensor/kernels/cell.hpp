#pragma once

#include <cstdint>

namespace raven::kernels {

// Cells of rows that have nothing to do with each other. Gradients dh, dc may be null for 0.

/// c' and h of gates [rows, 4 size], blocks i f g o, activated in place, and c before.
void lstm_cells(std::int64_t rows, std::int64_t size, float* gates, const float* before, float* c,
                float* h);
void lstm_cells_backward(std::int64_t rows, std::int64_t size, const float* gates,
                         const float* before, const float* c, const float* dh, const float* dc,
                         float* dgates, float* dbefore);

// Nodes of trees above `children` each: gates [rows, 3 size], blocks i g o; forget and c of the
// children [rows, children size].

/// What comes to the gates beside the children: bias [4 size], blocks i f g o.
void begin_tree_cells(std::int64_t rows, std::int64_t size, std::int64_t children,
                      const float* bias, float* gates, float* forget);
void tree_cells(std::int64_t rows, std::int64_t size, std::int64_t children, float* gates,
                float* forget, const float* below, float* c, float* h);
void tree_cells_backward(std::int64_t rows, std::int64_t size, std::int64_t children,
                         const float* gates, const float* forget, const float* below,
                         const float* c, const float* dh, const float* dc, float* dgates,
                         float* dforget, float* dbelow);
/// Gradient of the bias [4 size].
void tree_cells_bias(std::int64_t rows, std::int64_t size, std::int64_t children,
                     const float* dgates, const float* dforget, float* dbias);

}  // namespace raven::kernels
