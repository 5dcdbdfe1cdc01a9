#include "raven/cluster/scheduler.hpp"

#include <gtest/gtest.h>

#include <map>

namespace raven {
namespace {

std::vector<Worker> workers(std::initializer_list<double> speeds) {
  std::vector<Worker> out;
  for (const double speed : speeds) {
    out.push_back({.peer = {static_cast<std::uint32_t>(out.size() + 1)}, .speed = speed});
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
    const std::vector<Assignment> dealt = deal({0, total}, workers({3, 1, 2.5}), 8);
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
  EXPECT_EQ(snippets_of(deal({0, 64}, workers({4, 2, 1, 1}), 64)),
            (std::map<std::uint32_t, std::uint32_t>{{1, 32}, {2, 16}, {3, 8}, {4, 8}}));
}

TEST(Scheduler, noise_in_the_speeds_does_not_cost_a_second_gradient) {
  const std::vector<Assignment> dealt = deal({0, 64}, workers({1.0, 1.08}), 64);
  ASSERT_EQ(dealt.size(), 2U);
  EXPECT_EQ(dealt[0].node, (SnippetRange{0, 32}));
  EXPECT_EQ(dealt[1].node, (SnippetRange{32, 32}));
}

TEST(Scheduler, one_worker_gets_the_whole_tree) {
  const std::vector<Assignment> dealt = deal({0, 13}, workers({1}), 64);
  ASSERT_EQ(dealt.size(), 1U);
  EXPECT_EQ(dealt[0].node, (SnippetRange{0, 13}));
}

TEST(Scheduler, what_came_back_is_cut_so_that_all_survivors_help) {
  const SnippetRange lost{0, 8};
  const std::vector<Assignment> dealt = deal_again({&lost, 1}, workers({1, 1, 1, 1}), 10);
  EXPECT_EQ(snippets_of(dealt),
            (std::map<std::uint32_t, std::uint32_t>{{1, 2}, {2, 2}, {3, 2}, {4, 2}}));
}

}  // namespace
}  // namespace raven
