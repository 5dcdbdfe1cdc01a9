#include <gtest/gtest.h>

#include "cluster/stage.hpp"

namespace raven {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t gateway = 9;

/// Two contributors behind one gateway, each with one half of the first step.
struct Halves {
  ClusterBox box;
  std::unique_ptr<Stage> stage;
  SnippetRange first{0, 4};
  SnippetRange second{4, 4};

  Halves() {
    box.contributors.min = 2;
    stage = std::make_unique<Stage>(box);
    for (const std::uint32_t peer : {1U, 2U}) {
      stage->is_behind(peer, gateway);
      stage->greets(peer);
    }
    EXPECT_EQ(stage->leases_of(1), std::vector<SnippetRange>{first});
    EXPECT_EQ(stage->leases_of(2), std::vector<SnippetRange>{second});
  }
};

TEST(Withheld, a_sum_stands_for_all_who_are_in_it) {
  Halves halves;
  halves.stage->answers(1, 1, halves.first, milliseconds(10));
  halves.stage->answers(2, 1, halves.second, milliseconds(10));
  EXPECT_EQ(halves.stage->master().progress().step, 0U);
  halves.stage->sums(gateway, 1, {0, 8});
  EXPECT_EQ(halves.stage->master().progress().step, 1U);
  EXPECT_EQ(halves.stage->master().roster().all()[0].snippets, 4U);
  EXPECT_EQ(halves.stage->master().roster().all()[1].snippets, 4U);
}

TEST(Withheld, only_who_is_behind_a_gateway_has_somebody_to_keep_it) {
  for (const bool sum : {true, false}) {
    ClusterBox box;
    Stage stage(box);
    stage.greets(1);
    stage.greets(2);
    const SnippetRange node = stage.leases_of(1).at(0);
    if (sum) {
      stage.says(1, SumMessage{1, node, {0}});
    } else {
      stage.says(1, GradientMessage{1, node, {0}, true});
    }
    EXPECT_TRUE(stage.dropped(1));
    EXPECT_FALSE(stage.dropped(2));
  }
}

TEST(Withheld, what_a_gateway_can_not_have_added_up_is_done_again) {
  for (const bool of_strangers : {true, false}) {
    Halves halves;
    Stage& stage = *halves.stage;
    stage.answers(1, 1, halves.first, milliseconds(10));
    // No node of the tree; and what another gateway was given.
    if (of_strangers) {
      stage.sums(gateway + 1, 1, {0, 4});
      EXPECT_TRUE(stage.leases_of(2).empty());
      stage.answers(2, 1, halves.second, milliseconds(10));
      stage.sums(gateway, 1, {0, 8});
      EXPECT_EQ(stage.master().progress().step, 1U);
    } else {
      stage.sums(gateway, 1, {3, 2});
      const std::vector<SnippetRange> again = stage.leases_of(1);
      std::uint32_t snippets = 0;
      for (const SnippetRange node : stage.leases_of(2)) snippets += node.count;
      for (const SnippetRange node : again) snippets += node.count;
      EXPECT_EQ(snippets, 4U);
    }
  }
}

TEST(Withheld, what_went_with_a_gateway_is_done_again) {
  Halves halves;
  Stage& stage = *halves.stage;
  stage.answers(1, 1, halves.first, milliseconds(10));
  stage.answers(2, 1, halves.second, milliseconds(10));
  stage.greets(3);
  EXPECT_TRUE(stage.leases_of(3).empty());
  stage.disappears(1);
  stage.disappears(2);
  const std::vector<SnippetRange> again = stage.leases_of(3);
  std::uint32_t snippets = 0;
  for (const SnippetRange node : again) snippets += node.count;
  EXPECT_EQ(snippets, 8U);
  for (const SnippetRange node : again) stage.answers(3, 1, node, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 1U);
}

TEST(Withheld, who_leaves_goes_when_what_it_did_has_arrived) {
  Halves halves;
  Stage& stage = *halves.stage;
  stage.greets(3);
  stage.says(1, Leave{"evening"});
  stage.answers(1, 1, halves.first, milliseconds(10));
  EXPECT_FALSE(stage.last<Finish>(1));
  stage.answers(2, 1, halves.second, milliseconds(10));
  stage.sums(gateway, 1, {0, 8});
  EXPECT_TRUE(stage.last<Finish>(1));
}

TEST(Withheld, sums_are_sent_for_when_a_part_comes_another_way_and_replace_it) {
  Halves halves;
  Stage& stage = *halves.stage;
  // Two steps in which it is learnt how long they take.
  for (const std::uint64_t work : {1U, 2U}) {
    stage.answers(1, work, halves.first, milliseconds(1));
    stage.answers(2, work, halves.second, milliseconds(1));
    stage.sums(gateway, work, {0, 8});
  }
  ASSERT_EQ(stage.master().progress().step, 2U);
  EXPECT_EQ(stage.leases_of(1).size() + stage.leases_of(2).size(), 4U);
  stage.answers(1, 3, halves.first, milliseconds(10));
  stage.greets(3);
  // The second half takes too long: whoever is idle gets parts of it.
  for (int i = 0; i < 15; ++i) {
    stage.passes(milliseconds(200));
    for (const std::uint32_t peer : {1U, 2U, 3U}) stage.says(peer, Heartbeat{});
  }
  EXPECT_EQ(stage.count<SendOn>(gateway_peer(gateway).value), 1);
  const std::vector<SnippetRange> helped = stage.leases_of(3);
  ASSERT_FALSE(helped.empty());
  EXPECT_LT(helped[0].count, 4U);
  for (const SnippetRange node : helped) stage.answers(3, 3, node, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 2U);
  // The slow one was faster than the order to the gateway.
  stage.answers(2, 3, halves.second, milliseconds(10));
  stage.sums(gateway, 3, {0, 8});
  EXPECT_EQ(stage.master().progress().step, 3U);
  for (const std::uint32_t peer : {1U, 2U, 3U}) EXPECT_FALSE(stage.dropped(peer)) << peer;
}

}  // namespace
}  // namespace raven
