#include "raven/snippet/tree.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace raven {
namespace {

float naive_tree(const std::vector<float>& leaves, SnippetRange node) {
  if (node.count == 1) return leaves[node.first];
  return naive_tree(leaves, left_child(node)) + naive_tree(leaves, right_child(node));
}

TEST(Tree, a_node_of_five_splits_into_four_and_one) {
  EXPECT_EQ(left_child({10, 5}), (SnippetRange{10, 4}));
  EXPECT_EQ(right_child({10, 5}), (SnippetRange{14, 1}));
}

TEST(Tree, a_cover_is_made_of_nodes_that_fill_the_range_in_order) {
  for (std::uint32_t total = 1; total <= 33; ++total) {
    const SnippetRange root{0, total};
    for (std::uint32_t first = 0; first < total; ++first) {
      for (std::uint32_t count = 1; first + count <= total; ++count) {
        std::uint32_t at = first;
        for (const SnippetRange node : tree_cover({first, count}, root)) {
          EXPECT_EQ(node.first, at);
          EXPECT_TRUE(is_tree_node(node, root));
          at = node.end();
        }
        EXPECT_EQ(at, first + count);
      }
    }
  }
}

TEST(Tree, the_whole_range_is_covered_by_the_root_alone) {
  EXPECT_EQ(tree_cover({0, 7}, {0, 7}), (std::vector<SnippetRange>{{0, 7}}));
  EXPECT_FALSE(parent_of({0, 7}, {0, 7}));
  EXPECT_FALSE(is_tree_node({1, 2}, {0, 8}));
  EXPECT_FALSE(is_tree_node({0, 0}, {0, 8}));
  EXPECT_FALSE(is_tree_node({6, 4}, {0, 8}));
}

TEST(TreeSum, arrival_order_never_changes_the_bits) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> value(-1, 1);
  for (const std::uint32_t total : {1U, 2U, 3U, 5U, 8U, 13U}) {
    std::vector<float> leaves(total);
    for (float& leaf : leaves) leaf = value(random);
    const float expected = naive_tree(leaves, {0, total});
    std::vector<std::uint32_t> order(total);
    std::iota(order.begin(), order.end(), 0U);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::shuffle(order.begin(), order.end(), random);
      TreeSum sum({0, total});
      for (const std::uint32_t leaf : order) {
        SnippetRange node{leaf, 1};
        Gradient tensor = Tensor::of({1}, std::span<const float>(&leaves[leaf], 1));
        while (auto pair = sum.bring(node, std::move(tensor))) {
          const float added = std::as_const(pair->left).dense().values()[0] +
                              std::as_const(pair->right).dense().values()[0];
          tensor = Tensor::of({1}, std::span<const float>(&added, 1));
          node = pair->node;
        }
      }
      ASSERT_FALSE(sum.total().empty());
      EXPECT_EQ(std::as_const(sum).total().dense().values()[0], expected);
    }
  }
}

}  // namespace
}  // namespace raven
