#include "raven/snippet/tree.hpp"

#include <algorithm>

namespace raven {
namespace {

void cover_below(SnippetRange node, SnippetRange range, std::vector<SnippetRange>& out) {
  if (range.contains(node)) {
    out.push_back(node);
    return;
  }
  if (node.end() <= range.first || range.end() <= node.first) return;
  cover_below(left_child(node), range, out);
  cover_below(right_child(node), range, out);
}

}  // namespace

bool is_tree_node(SnippetRange range, SnippetRange root) {
  if (range.count == 0 || !root.contains(range)) return false;
  SnippetRange node = root;
  while (node != range) {
    if (node.count == 1) return false;
    const SnippetRange left = left_child(node);
    if (left.contains(range)) {
      node = left;
    } else if (right_child(node).contains(range)) {
      node = right_child(node);
    } else {
      return false;
    }
  }
  return true;
}

std::optional<SnippetRange> parent_of(SnippetRange node, SnippetRange root) {
  if (node == root) return std::nullopt;
  SnippetRange parent = root;
  for (;;) {
    const SnippetRange left = left_child(parent);
    const SnippetRange child = left.contains(node) ? left : right_child(parent);
    if (child == node) return parent;
    parent = child;
  }
}

std::vector<SnippetRange> tree_cover(SnippetRange range, SnippetRange root) {
  std::vector<SnippetRange> nodes;
  if (range.count > 0) cover_below(root, range, nodes);
  return nodes;
}

std::optional<TreeSum::Pair> TreeSum::bring(SnippetRange node, Gradient sum) {
  const std::optional<SnippetRange> parent = parent_of(node, root_);
  if (!parent) {
    total_ = std::move(sum);
    return std::nullopt;
  }
  const bool is_left = left_child(*parent) == node;
  const SnippetRange sibling = is_left ? right_child(*parent) : left_child(*parent);
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const auto& entry) { return entry.first == sibling; });
  if (found == waiting_.end()) {
    waiting_.emplace_back(node, std::move(sum));
    return std::nullopt;
  }
  Gradient other = std::move(found->second);
  waiting_.erase(found);
  if (is_left) return Pair{std::move(sum), std::move(other), *parent};
  return Pair{std::move(other), std::move(sum), *parent};
}

}  // namespace raven
