#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

/// Trees one after the other, nodes in postorder: each node's children stand before it, each
/// subtree right before its parent or that parent's next subtree.
struct Trees {
  Variable parents;  ///< i32 [nodes]: number of the parent in its own tree; -1 for the root
  Variable nodes;    ///< i32 [trees]: nodes of each
};

/// Weights of a tree's cell: i, o = sigmoid(x + U h), g = tanh(x + U h), f_k = sigmoid(x + U_f
/// h_k), c = i g + sum of f_k c_k, h = o tanh(c) (Tai, Socher and Manning, ACL 2015).
struct TreeWeights {
  Variable weight;         ///< U [3 size, seen], blocks i g o
  Variable forget_weight;  ///< U_f [size, size]; of children by position [seen, seen]
};

// h of every node [nodes, size]. `positions` is 0 where the h of children are added up, so that
// seen is size and order does not matter; else so many children have weights of their own, and seen
// is positions size: a node may have fewer. @throws InputError, when it is run, where trees are
// otherwise

/// Every node has input: x [nodes, 4 size], blocks i f g o.
[[nodiscard]] Variable tree_lstm(Variable x, const Trees& trees, const TreeWeights& weights,
                                 std::int64_t positions = 0);
/// Only nodes without children have: x [leaves, 3 size], blocks i g o; bias [4 size] of all others,
/// blocks i f g o.
[[nodiscard]] Variable tree_lstm_of_leaves(Variable x, const Trees& trees,
                                           const TreeWeights& weights, Variable bias,
                                           std::int64_t positions = 0);

/// A state and its memory, both [n, size].
struct CellState {
  Variable h;
  Variable c;
};

// Single cells, for models that go through a sequence or a tree by themselves: calls of several
// samples join to one (autobatch).

/// gates [n, 4 size], blocks i f g o: what input and state before contribute; c before [n, size].
[[nodiscard]] CellState lstm_cell(Variable gates, Variable c);
/// The node above children by position, weights and bias as in tree_lstm_of_leaves().
[[nodiscard]] CellState tree_lstm_cell(std::span<const CellState> children,
                                       const TreeWeights& weights, Variable bias);
/// A node without children: x [n, 3 size], blocks i g o.
[[nodiscard]] CellState tree_lstm_leaf(Variable x);

}  // namespace raven
