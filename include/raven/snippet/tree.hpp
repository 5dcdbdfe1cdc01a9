#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "raven/core/contract.hpp"
#include "raven/snippet/gradient.hpp"

namespace raven {

/// Snippets `first` .. `first + count - 1` of one step.
struct SnippetRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  [[nodiscard]] constexpr std::uint32_t end() const { return first + count; }
  [[nodiscard]] constexpr bool contains(SnippetRange other) const {
    // Without end(): numbers of strangers may add up to more than 32 bits hold.
    return first <= other.first && other.count <= count &&
           other.first - first <= count - other.count;
  }
  [[nodiscard]] constexpr bool overlaps(SnippetRange other) const {
    return first < other.end() && other.first < end();
  }
  auto operator<=>(const SnippetRange&) const = default;
};

// The one binary tree along which gradients are added. Its root is all snippets of the step; a node
// of n > 1 snippets splits after the largest power of two below n. The tree depends on the number
// of snippets alone, so whoever adds whatever part in whatever order, the same additions are made
// and the bits are the same.

/// @pre node.count > 1
[[nodiscard]] constexpr SnippetRange left_child(SnippetRange node) {
  return {node.first, std::bit_ceil(node.count) / 2};
}
[[nodiscard]] constexpr SnippetRange right_child(SnippetRange node) {
  const SnippetRange left = left_child(node);
  return {left.end(), node.count - left.count};
}
/// Whether the range is a node of the tree over `root`.
[[nodiscard]] bool is_tree_node(SnippetRange range, SnippetRange root);
/// The node that `node` is a child of; none for the root. @pre is_tree_node(node, root)
[[nodiscard]] std::optional<SnippetRange> parent_of(SnippetRange node, SnippetRange root);
/// The fewest nodes that make up `range`, from left to right.
[[nodiscard]] std::vector<SnippetRange> tree_cover(SnippetRange range, SnippetRange root);

/// A tensor's gradient over all snippets. The tree's last addition may be left to whoever uses it,
/// which saves a pass over memory.
struct GradientTotal {
  Gradient sum;  ///< empty: not there yet
  Tensor also;   ///< still to be added to a dense sum, element by element; empty: nothing
};

/// The sums of one tensor on their way up the tree. One thread at a time; adding is left to the
/// caller, so that it can be done outside a lock.
class TreeSum {
 public:
  explicit TreeSum(SnippetRange root) : root_(root) {}

  /// Two sums that belong together, left one first, and the node that they make.
  struct Pair {
    Gradient left;
    Gradient right;
    SnippetRange node;
  };

  /// Brings the sum of a node. When its sibling is there, both come back to be added, and the
  /// result is to be brought as `pair.node`; otherwise the sum is kept. @pre node is in the tree
  /// and new
  [[nodiscard]] std::optional<Pair> bring(SnippetRange node, Gradient sum);
  /// Forgets the sums of parts of a node that is about to be brought whole.
  void forget_within(SnippetRange node) {
    std::erase_if(waiting_, [&](const auto& entry) { return node.contains(entry.first); });
  }
  /// The sum over the root, once it was brought; empty before.
  [[nodiscard]] const Gradient& total() const { return total_; }
  [[nodiscard]] Gradient take_total() { return std::move(total_); }

 private:
  SnippetRange root_;
  std::vector<std::pair<SnippetRange, Gradient>> waiting_;
  Gradient total_;
};

}  // namespace raven
