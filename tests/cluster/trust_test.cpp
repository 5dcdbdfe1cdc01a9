#include <gtest/gtest.h>

#include <limits>

#include "cluster/stage.hpp"
#include "raven/core/error.hpp"

// What a master believes of what contributors say, and what it credits them for.

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

StatsMessage no_number(std::uint64_t work, SnippetRange node, std::uint32_t index) {
  return {.work = work,
          .node = node,
          .index = index,
          .loss = std::numeric_limits<double>::quiet_NaN(),
          .weight = 6,
          .metrics = {0}};
}

TEST(Trust, one_loss_that_is_no_number_costs_its_sender_its_place_and_the_run_nothing) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  (void)stage.leases_of(2);
  stage.says(2, no_number(1, {4, 4}, 5));
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
  // Whatever else it sends of that lease is not used.
  stage.answers(2, 1, {4, 4}, milliseconds(10));
  EXPECT_FALSE(stage.dropped(2));
  stage.answers(1, 1, {0, 4}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 0U);
  stage.answers(1, 1, {4, 4}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 1U);
  EXPECT_TRUE(stage.dropped(2));
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_EQ(stage.master().roster().all()[0].snippets, 8U);
}

TEST(Trust, training_has_gone_astray_when_two_find_no_number) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  stage.says(2, no_number(1, {4, 4}, 5));
  EXPECT_THROW(stage.says(1, no_number(1, {4, 4}, 5)), InputError);
}

TEST(Trust, training_has_gone_astray_when_the_only_one_finds_no_number) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  EXPECT_THROW(stage.says(1, no_number(1, {0, 8}, 5)), InputError);
}

TEST(Trust, it_waits_for_a_second_opinion_no_longer_than_somebody_can_give_it) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  stage.says(2, no_number(1, {4, 4}, 5));
  EXPECT_THROW(stage.disappears(1), InputError);
}

TEST(Trust, a_weight_below_zero_is_a_lie) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  StatsMessage stats = no_number(1, {0, 8}, 0);
  stats.loss = 1;
  stats.weight = -6;
  stage.says(1, stats);
  EXPECT_TRUE(stage.dropped(1));
}

TEST(Trust, rows_that_the_parameter_has_not_are_a_lie) {
  ClusterBox box;
  const ParameterStore parameters = box.fresh_parameters();
  const Shape& shape = parameters[{0}].value.shape();
  ASSERT_EQ(shape.rank(), 2U);
  BufferPool buffers;
  for (const bool lies : {false, true}) {
    Stage stage(box);
    stage.greets(1);
    const std::vector<SnippetRange> leases = stage.leases_of(1);
    RowGradient rows(1, shape[1], buffers);
    std::fill(rows.values().begin(), rows.values().end(), 0.0F);
    rows.numbers()[0] = static_cast<std::uint32_t>(shape[0]) - (lies ? 0 : 1);
    stage.says(1,
               GradientMessage{
                   .work = 1, .node = leases.at(0), .parameter = {0}, .form = Gradient::Form::rows},
               rows.blob());
    EXPECT_EQ(stage.dropped(1), lies);
  }
}

TEST(Trust, every_snippet_is_credited_once_however_often_it_was_done) {
  ClusterBox box;
  box.contributors.min = 3;
  box.contributors.lease = milliseconds(1000);
  Stage stage(box);
  std::map<std::uint32_t, std::vector<SnippetRange>> leases;
  for (std::uint32_t peer = 1; peer <= 3; ++peer) stage.greets(peer);
  for (std::uint32_t peer = 1; peer <= 3; ++peer) leases[peer] = stage.leases_of(peer);
  for (int i = 0; i < 11; ++i) {
    stage.passes(milliseconds(100));
    for (std::uint32_t peer = 1; peer <= 3; ++peer) stage.says(peer, Heartbeat{});
  }
  for (std::uint32_t peer = 1; peer <= 3; ++peer) {
    for (const SnippetRange node : stage.leases_of(peer)) leases[peer].push_back(node);
  }
  for (const auto& [peer, nodes] : leases) {
    for (const SnippetRange node : nodes) stage.answers(peer, 1, node, milliseconds(10));
  }
  ASSERT_EQ(stage.master().progress().step, 1U);
  std::uint64_t snippets = 0;
  std::uint64_t rows = 0;
  for (const Member& member : stage.master().roster().all()) {
    snippets += member.snippets;
    rows += member.rows;
  }
  EXPECT_EQ(snippets, 8U);
  EXPECT_EQ(rows, static_cast<std::uint64_t>(box.train.batch));
}

TEST(Trust, who_lies_about_its_speed_gains_little) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  for (std::uint64_t work = 1; work <= 2; ++work) {
    stage.answers(1, work, {0, 8}, milliseconds(48));
  }
  const double honest = stage.master().roster().all()[0].speed;
  EXPECT_NEAR(honest, static_cast<double>(box.train.batch) / 0.048, 1);
  stage.answers(1, 3, {0, 8}, milliseconds(48), std::chrono::nanoseconds(1));
  EXPECT_LE(stage.master().roster().all()[0].speed, 1.21 * honest);
  // Nor is a time believed that is longer than the work was away.
  const double before = stage.master().roster().all()[0].speed;
  stage.answers(1, 4, {0, 8}, milliseconds(48), seconds(1000));
  EXPECT_GE(stage.master().roster().all()[0].speed, 0.8 * before);
}

TEST(Trust, who_was_refused_is_cut_off_and_can_not_greet_again) {
  ClusterBox box;
  Stage stage(box);
  const Hello other{.numerics = {.core = "Nehalem"}, .threads = 1};
  stage.says(1, other);
  for (int i = 0; i < 50; ++i) stage.says(1, other);
  EXPECT_EQ(stage.count<Finish>(1), 1);
  EXPECT_EQ(stage.events("refused"), 1);
  EXPECT_FALSE(stage.dropped(1));
  for (int i = 0; i < 25; ++i) stage.passes(milliseconds(100));
  EXPECT_TRUE(stage.dropped(1));
}

TEST(Trust, one_greeting_a_peer) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(2);
  stage.greets(1);
  stage.says(1, Leave{});
  stage.disappears(1);
  stage.says(1, stage.hello());
  EXPECT_EQ(stage.master().roster().all().size(), 2U);
  Hello hello = stage.hello();
  hello.node = std::string(300, 'n');
  stage.says(3, hello);
  EXPECT_TRUE(stage.dropped(3));
}

}  // namespace
}  // namespace raven
