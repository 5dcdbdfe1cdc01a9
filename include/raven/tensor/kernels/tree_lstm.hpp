#pragma once

#include <algorithm>
#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// Trees one after the other, each with its nodes in postorder. The cell is that of Tai, Socher and
/// Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term Memory
/// Networks" (ACL 2015), with blocks i g o of its own and f for each child:
///   i, o = sigmoid(x + U h), g = tanh(x + U h), f_k = sigmoid(x + U_f h_k),
///   c = i g + sum of f_k c_k, h = o tanh(c).
/// Child-sum: h in U h is the sum of the children's; of so many positions: theirs side by side, and
/// U_f h_k sees all of them, too.
struct TreeShape {
  std::int64_t nodes = 1;
  std::int64_t trees = 1;
  std::int64_t size = 1;       ///< of the state
  std::int64_t positions = 0;  ///< of children, each with weights of its own; 0: child-sum
  std::int64_t leaves = 0;     ///< rows of x, when leaves alone have input; 0: every node has

  /// Columns of both weights: what a node sees of its children.
  [[nodiscard]] std::int64_t seen() const { return std::max<std::int64_t>(1, positions) * size; }
  /// As many places for children as there may be.
  [[nodiscard]] std::int64_t places() const {
    if (positions == 0) return nodes;
    return std::max<std::int64_t>(1, (nodes - leaves) * positions);
  }
};

struct TreeInputs {
  const float* x = nullptr;               ///< [leaves, 3 size] i g o, or [nodes, 4 size] i f g o
  const std::int32_t* parents = nullptr;  ///< [nodes], number in its own tree; -1 for the root
  const std::int32_t* nodes = nullptr;    ///< [trees], nodes of each
  const float* weight = nullptr;          ///< [3 size, seen], blocks i g o
  const float* forget_weight = nullptr;   ///< [size, size], or [seen, seen]
  const float* bias = nullptr;            ///< [4 size] i f g o of inner nodes; only beside leaves
};

/// Kept for the way back.
struct TreeKept {
  float* gates = nullptr;   ///< [nodes, 3 size], by levels
  float* forget = nullptr;  ///< [places, size], by levels of the parents
  float* below = nullptr;   ///< [places, size]: h of the child
  float* c = nullptr;       ///< [nodes, size]
};
/// The same, on the way back.
struct TreeSaved {
  const float* gates = nullptr;   ///< [nodes, 3 size], by levels
  const float* forget = nullptr;  ///< [places, size], by levels of the parents
  const float* below = nullptr;   ///< [places, size]: h of the child
  const float* c = nullptr;       ///< [nodes, size]
};

/// Runs all trees level by level, from leaves upwards: one product a level for each weight, of as
/// many rows as there are nodes (children) in it. On the calling thread: a level depends on those
/// below, and snippets fill the other cores. Bits of a tree do not depend on those beside it.
/// @param h [nodes, size]
/// @throws InputError when parents and nodes don't describe trees in postorder, there are more
/// children than positions, or x has not a row for each leaf
void tree_lstm_forward(const TreeShape& shape, const TreeInputs& in, const TreeKept& kept,
                       float* h);

/// Gradients; null for what nobody wants.
struct TreeGradients {
  float* dx = nullptr;
  Accumulate x_mode = Accumulate::no;
  float* dweight = nullptr;
  Accumulate weight_mode = Accumulate::no;
  float* dforget_weight = nullptr;
  Accumulate forget_mode = Accumulate::no;
  float* dbias = nullptr;
  Accumulate bias_mode = Accumulate::no;
};
/// The gradient of a weight is one product over all nodes that have children.
void tree_lstm_backward(const TreeShape& shape, const TreeInputs& in, const TreeSaved& kept,
                        const float* dh, const TreeGradients& to);

}  // namespace raven::kernels
