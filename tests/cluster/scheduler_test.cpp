#include "raven/cluster/scheduler.hpp"

#include <gtest/gtest.h>

#include <map>

#include "raven/cluster/protocol.hpp"

namespace raven {
namespace {

std::vector<Worker> workers(std::initializer_list<double> speeds, std::uint32_t max_node = 64) {
  std::vector<Worker> out;
  for (const double speed : speeds) {
    out.push_back({.peer = {static_cast<std::uint32_t>(out.size() + 1)},
                   .speed = speed,
                   .max_node = max_node});
  }
  return out;
}

std::map<std::uint32_t, std::uint32_t> snippets_of(const std::vector<Assignment>& assignments) {
  std::map<std::uint32_t, std::uint32_t> counts;
  for (const Assignment& a : assignments) counts[a.peer.value] += a.node.count;
  return counts;
}

TEST(Scheduler, deals_every_snippet_exactly_once) {
  for (std::uint32_t total = 1; total <= 40; ++total) {
    const std::vector<Assignment> dealt = deal({0, total}, workers({3, 1, 2.5}, 8));
    std::vector<int> seen(total);
    for (const Assignment& a : dealt) {
      EXPECT_TRUE(is_tree_node(a.node, {0, total}));
      EXPECT_LE(a.node.count, 8U);
      for (std::uint32_t i = a.node.first; i < a.node.end(); ++i) ++seen[i];
    }
    EXPECT_EQ(seen, std::vector<int>(total, 1));
  }
}

TEST(Scheduler, deals_in_proportion_to_speed) {
  EXPECT_EQ(snippets_of(deal({0, 64}, workers({4, 2, 1, 1}, 64))),
            (std::map<std::uint32_t, std::uint32_t>{{1, 32}, {2, 16}, {3, 8}, {4, 8}}));
}

TEST(Scheduler, noise_in_the_speeds_does_not_cost_a_second_gradient) {
  const std::vector<Assignment> dealt = deal({0, 64}, workers({1.0, 1.08}, 64));
  ASSERT_EQ(dealt.size(), 2U);
  EXPECT_EQ(dealt[0].node, (SnippetRange{0, 32}));
  EXPECT_EQ(dealt[1].node, (SnippetRange{32, 32}));
}

TEST(Scheduler, one_worker_gets_the_whole_tree) {
  const std::vector<Assignment> dealt = deal({0, 13}, workers({1}, 64));
  ASSERT_EQ(dealt.size(), 1U);
  EXPECT_EQ(dealt[0].node, (SnippetRange{0, 13}));
}

TEST(Scheduler, what_came_back_is_cut_so_that_all_survivors_help) {
  const SnippetRange lost{0, 8};
  const std::vector<Assignment> dealt = deal_again({&lost, 1}, workers({1, 1, 1, 1}), 10);
  EXPECT_EQ(snippets_of(dealt),
            (std::map<std::uint32_t, std::uint32_t>{{1, 2}, {2, 2}, {3, 2}, {4, 2}}));
}

TEST(Scheduler, cut_subtrees_are_dealt_as_finely_as_speed_asks) {
  const std::vector<Assignment> dealt = deal({0, 32}, workers({4, 2, 1}, 1));
  EXPECT_EQ(snippets_of(dealt), (std::map<std::uint32_t, std::uint32_t>{{1, 18}, {2, 9}, {3, 5}}));
  for (const Assignment& assignment : dealt) EXPECT_EQ(assignment.node.count, 1U);
}

TEST(Scheduler, a_gradient_takes_a_twentieth_of_the_time_of_its_subtree_at_most) {
  // 8 rows at 1000 rows/s are 8 ms. A gradient of 4 MB takes 4 ms and the message 0.1 ms.
  EXPECT_EQ(largest_node(8, 1000, 4e6), 11U);
  EXPECT_EQ(largest_node(8, 1000, 0), 1U);
  EXPECT_EQ(largest_node(8, 1e6, 0), 250U);
  EXPECT_EQ(largest_node(8, 1e12, 0), Lease::max_snippets);
}

TEST(Scheduler, help_has_to_be_twice_as_early) {
  EXPECT_TRUE(worth_helping(0.1, 0.03, 0));
  EXPECT_FALSE(worth_helping(0.1, 0.05, 0));
  // A gradient of 30 MB more takes 30 ms.
  EXPECT_FALSE(worth_helping(0.1, 0.03, 3e7));
  // Noise.
  EXPECT_FALSE(worth_helping(0.004, 0.0001, 0));
}

}  // namespace
}  // namespace raven
