#include "raven/cluster/master.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "cluster/stage.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Master, without_contributors_it_waits_and_begins_with_the_first) {
  ClusterBox box;
  Stage stage(box);
  for (int i = 0; i < 50; ++i) stage.passes(milliseconds(100));
  EXPECT_FALSE(stage.master().finished());
  stage.greets(1);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{0, 8}}));
}

TEST(Master, waits_for_as_many_as_the_job_asks_for) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  EXPECT_TRUE(stage.leases_of(1).empty());
  stage.greets(2);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{0, 4}}));
  EXPECT_EQ(stage.leases_of(2), (std::vector<SnippetRange>{{4, 4}}));
}

TEST(Master, a_silent_contributor_is_given_up_and_its_work_goes_to_another) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  for (int i = 0; i < 39; ++i) {
    stage.passes(milliseconds(100));
    stage.says(1, Heartbeat{});
  }
  EXPECT_FALSE(stage.dropped(2));
  stage.passes(milliseconds(200));
  EXPECT_TRUE(stage.dropped(2));
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
}

TEST(Master, who_keeps_dying_rests_and_is_sent_away_at_last_unless_nobody_else_is_there) {
  ClusterBox box;
  box.contributors.bar_after = 4;
  Stage stage(box);
  stage.greets(1);
  (void)stage.leases_of(1);
  const auto comes = [&](std::uint32_t peer) {
    Hello hello = stage.hello();
    hello.node = "flaky";
    hello.pid = peer;
    stage.says(peer, hello);
    stage.says(peer, Ready{.readable = {1, 1}});
  };
  for (std::uint32_t peer = 2; peer < 6; ++peer) {
    comes(peer);
    EXPECT_FALSE(stage.last<Finish>(peer).has_value()) << peer;
    stage.disappears(peer);
  }
  comes(6);
  EXPECT_TRUE(stage.last<Finish>(6).value().refused);
  stage.disappears(1);
  comes(7);
  EXPECT_FALSE(stage.last<Finish>(7).has_value());
  EXPECT_FALSE(stage.leases_of(7).empty());
}

TEST(Master, a_job_has_no_more_contributors_than_it_wants) {
  ClusterBox box;
  box.contributors.max = 2;
  Stage stage(box);
  for (const std::uint32_t peer : {1U, 2U, 3U}) stage.greets(peer);
  EXPECT_FALSE(stage.last<Finish>(2).has_value());
  EXPECT_TRUE(stage.last<Finish>(3).value().refused);
  stage.disappears(1);
  stage.greets(4);
  EXPECT_FALSE(stage.last<Finish>(4).has_value());
}

TEST(Master, who_comes_back_is_sent_only_what_it_has_not_got) {
  ClusterBox box;
  box.session.bytes.fill(std::byte{7});
  Stage stage(box);
  stage.greets(1);
  const Welcome welcome = stage.last<Welcome>(1).value();
  EXPECT_EQ(welcome.session, box.session);
  const Lease lease = stage.last<Lease>(1).value();
  const auto graph = stage.last<GraphMessage>(1).value();
  stage.disappears(1);

  stage.says(2, stage.hello());
  Ready ready{.readable = {1, 1}, .graphs = {graph.digest}, .versions = lease.versions};
  ready.versions.back() = Ready::no_version;
  stage.says(2, ready);
  EXPECT_TRUE(stage.last<Lease>(2).has_value());
  EXPECT_FALSE(stage.last<GraphMessage>(2).has_value());
  EXPECT_EQ(stage.count<ParameterMessage>(2), 1);

  stage.says(3, stage.hello());
  ready.versions.pop_back();
  stage.says(3, ready);
  EXPECT_TRUE(stage.dropped(3));
}

TEST(Master, of_a_table_that_changed_by_rows_those_rows_are_sent) {
  for (const double momentum : {0.0, 0.5}) {
    ClusterBox box;
    box.train.optimizer.options.set("momentum", momentum);
    Stage stage(box);
    stage.greets(1);
    const int whole = stage.count<ParameterMessage>(1);
    BufferPool buffers;
    const Shape shape = box.fresh_parameters()[{0}].value.shape();
    RowGradient rows(1, shape[1], buffers);
    rows.numbers()[0] = 2;
    std::fill(rows.values().begin(), rows.values().end(), 1.0F);
    const auto answers = [&](std::uint64_t work, SnippetRange node) {
      const GradientMessage gradient{
          .work = work, .node = node, .parameter = {0}, .form = Gradient::Form::rows};
      stage.says(1, gradient, rows.blob());
      stage.answers(1, work, node, std::chrono::milliseconds(10));
    };
    answers(1, {0, 8});
    ASSERT_EQ(stage.master().progress().step, 1U);
    const bool by_rows = momentum == 0;
    EXPECT_EQ(stage.count<RowsMessage>(1), by_rows ? 1 : 0);
    EXPECT_EQ(stage.count<ParameterMessage>(1), 2 * whole - (by_rows ? 1 : 0));
    if (!by_rows) continue;
    const auto message = stage.last<RowsMessage>(1).value();
    EXPECT_EQ(message.id, ParameterId{0});
    EXPECT_EQ(message.from, 0U);
    EXPECT_EQ(message.version, 1U);
    // Who has no version yet gets all.
    stage.greets(2);
    answers(2, {0, 8});
    ASSERT_EQ(stage.master().progress().step, 2U);
    EXPECT_EQ(stage.last<RowsMessage>(1).value().from, 1U);
    EXPECT_EQ(stage.count<RowsMessage>(2), 0);
    EXPECT_EQ(stage.count<ParameterMessage>(2), whole);
  }
}

TEST(Master, a_connection_that_ends_is_seen_at_once) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  stage.disappears(2);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
}

TEST(Master, an_overdue_lease_is_handed_to_another_as_well) {
  ClusterBox box;
  box.contributors.min = 2;
  box.contributors.lease = milliseconds(1000);
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  (void)stage.leases_of(2);
  std::uint32_t snippets = 0;
  for (int i = 0; i < 11; ++i) {
    stage.passes(milliseconds(100));
    stage.says(1, Heartbeat{});
    stage.says(2, Heartbeat{});
    for (const std::uint32_t peer : {1U, 2U}) {
      for (const SnippetRange node : stage.leases_of(peer)) snippets += node.count;
    }
  }
  EXPECT_EQ(snippets, 8U);
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_FALSE(stage.dropped(2));
}

TEST(Master, after_a_pause_of_its_own_it_blames_nobody) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.passes(seconds(60));
  EXPECT_FALSE(stage.dropped(1));
}

TEST(Master, another_numerics_class_is_told_how_to_come_back) {
  ClusterBox box;
  Stage stage(box);
  stage.says(1, Hello{.numerics = {.core = "Nehalem"}, .threads = 1});
  const auto finish = stage.last<Finish>(1);
  ASSERT_TRUE(finish);
  EXPECT_TRUE(finish->refused);
  EXPECT_NE(finish->reason.find("OPENBLAS_CORETYPE=test"), std::string::npos) << finish->reason;
}

// OpenBLAS's SkylakeX and Cooperlake kernels agreed on all that the fingerprint sampled, and
// differ.
TEST(Master, equal_fingerprints_of_other_kernels_or_another_library_are_another_class) {
  ClusterBox box;
  const NumericsClass here = box.setup().numerics;
  NumericsClass core = here;
  core.core = "Cooperlake";
  NumericsClass library = here;
  library.library = "BLAS 2";
  NumericsClass vectors = here;
  vectors.vectors = "W";
  for (const auto& [other, told] :
       {std::pair(core, "OpenBLAS kernels: Cooperlake, the master has test"),
        std::pair(library, "library: BLAS 2, the master has BLAS"),
        std::pair(vectors, "vector instructions: W, the master has V")}) {
    Stage stage(box);
    stage.says(1, Hello{.numerics = other, .threads = 1});
    const auto finish = stage.last<Finish>(1);
    ASSERT_TRUE(finish) << told;
    EXPECT_TRUE(finish->refused);
    EXPECT_NE(finish->reason.find(told), std::string::npos) << finish->reason;
  }
}

TEST(Master, any_numerics_class_may_come_when_the_job_says_so) {
  ClusterBox box;
  box.contributors.numerics = ContributorSpec::Numerics::any;
  Stage stage(box);
  stage.says(1, Hello{.numerics = {.core = "Nehalem"}, .threads = 1});
  EXPECT_TRUE(stage.last<Welcome>(1));
}

TEST(Master, another_version_is_refused_in_words) {
  ClusterBox box;
  Stage stage(box);
  stage.says(1, Hello{.protocol = protocol_version + 1, .threads = 1});
  const auto finish = stage.last<Finish>(1);
  ASSERT_TRUE(finish);
  EXPECT_NE(finish->reason.find("same version"), std::string::npos);
}

TEST(Master, claims_of_done_work_without_results_are_not_believed) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.says(1, DoneMessage{.work = 1, .node = {0, 8}});
  EXPECT_TRUE(stage.dropped(1));
}

TEST(Master, who_leaves_hands_in_what_it_holds_and_is_given_nothing_new) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  ASSERT_EQ(stage.leases_of(2), (std::vector<SnippetRange>{{4, 4}}));
  stage.says(2, Leave{"enough"});
  EXPECT_FALSE(stage.last<Finish>(2));
  stage.answers(2, 1, {4, 4}, milliseconds(10));
  EXPECT_TRUE(stage.last<Finish>(2));
  EXPECT_FALSE(stage.dropped(2));
  (void)stage.leases_of(2);
  stage.answers(1, 1, {0, 4}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 1U);
  EXPECT_EQ(stage.master().roster().all()[1].snippets, 4U);
  EXPECT_TRUE(stage.leases_of(2).empty());
}

TEST(Master, who_leaves_and_vanishes_leaves_its_work_to_others) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  stage.says(2, Leave{"enough"});
  EXPECT_TRUE(stage.leases_of(1).empty());
  stage.disappears(2);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
}

/// Three contributors that have done two steps at 1 ms a row, and what each holds of the third.
struct ThreeAtWork {
  ClusterBox box;
  std::optional<Stage> stage;
  std::map<std::uint32_t, std::vector<SnippetRange>> held;

  ThreeAtWork() {
    box.contributors.min = 3;
    stage.emplace(box);
    for (std::uint32_t peer = 1; peer <= 3; ++peer) stage->greets(peer);
    for (std::uint64_t work = 1; work <= 2; ++work) {
      take();
      for (std::size_t i = 0; i < 3; ++i) {
        std::uint32_t most = 0;
        for (const auto& [peer, nodes] : held)
          most = std::max(most, i < nodes.size() ? nodes[i].count : 0);
        stage->passes(milliseconds(6 * most));
        for (const auto& [peer, nodes] : held) {
          if (i >= nodes.size()) continue;
          stage->answers(peer, work, nodes[i], milliseconds(0), milliseconds(6 * nodes[i].count));
        }
      }
    }
    EXPECT_EQ(stage->master().progress().step, 2U);
    take();
  }
  void take() {
    for (std::uint32_t peer = 1; peer <= 3; ++peer) held[peer] = stage->leases_of(peer);
  }
};

TEST(Master, idle_contributors_help_one_that_takes_longer_than_expected) {
  ThreeAtWork three;
  Stage& stage = *three.stage;
  const std::vector<SnippetRange> stuck = three.held[1];
  ASSERT_FALSE(stuck.empty());
  for (const std::uint32_t peer : {2U, 3U}) {
    for (const SnippetRange node : three.held[peer]) {
      stage.answers(peer, 3, node, milliseconds(6));
    }
  }
  stage.passes(milliseconds(200));
  std::set<std::uint32_t> given_again;
  for (int i = 0; i < 20 && stage.master().progress().step < 3; ++i) {
    for (const std::uint32_t peer : {2U, 3U}) {
      for (const SnippetRange node : stage.leases_of(peer)) {
        for (std::uint32_t leaf = node.first; leaf < node.end(); ++leaf) given_again.insert(leaf);
        stage.answers(peer, 3, node, milliseconds(6 * node.count));
      }
    }
  }
  for (const SnippetRange node : stuck) {
    for (std::uint32_t leaf = node.first; leaf < node.end(); ++leaf) {
      EXPECT_TRUE(given_again.contains(leaf)) << leaf;
    }
  }
  EXPECT_GE(stage.events("late"), 1);
  EXPECT_EQ(stage.master().progress().step, 3U);
  // What the slow one sends now is late, which is no crime.
  for (const SnippetRange node : stuck) stage.answers(1, 3, node, milliseconds(400));
  EXPECT_FALSE(stage.dropped(1));
}

TEST(Master, who_is_done_takes_over_what_another_would_begin_last) {
  ThreeAtWork three;
  Stage& stage = *three.stage;
  const std::vector<SnippetRange> slow = three.held[1];
  ASSERT_EQ(slow.size(), 3U);
  stage.passes(milliseconds(6));
  stage.answers(1, 3, slow[0], milliseconds(0), milliseconds(6));
  for (const std::uint32_t peer : {2U, 3U}) {
    for (const SnippetRange node : three.held[peer]) {
      stage.answers(peer, 3, node, milliseconds(0));
    }
  }
  // 12 ms to go, which is not worth doing anything twice.
  EXPECT_TRUE(stage.leases_of(2).empty() && stage.leases_of(3).empty());
  // It must have slowed down: what it is at may be done any moment, the other one not.
  stage.passes(milliseconds(40));
  EXPECT_EQ(stage.events("late"), 0);
  const std::vector<SnippetRange> helped = stage.leases_of(2);
  EXPECT_EQ(helped, std::vector<SnippetRange>{slow[2]});
  EXPECT_TRUE(stage.leases_of(3).empty());
}

TEST(Master, speed_is_that_of_training) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  std::uint64_t work = 0;
  while (!stage.master().progress().evaluating) {
    ++work;
    for (const SnippetRange node : stage.leases_of(1)) {
      stage.answers(1, work, node, milliseconds(6 * node.count));
    }
  }
  const double speed = stage.master().roster().all()[0].speed;
  EXPECT_NEAR(speed, 1000, 30);
  ++work;
  for (const SnippetRange node : stage.leases_of(1)) {
    stage.evaluates(1, work, node, milliseconds(1));
  }
  EXPECT_FALSE(stage.master().progress().evaluating);
  EXPECT_EQ(stage.master().roster().all()[0].speed, speed);
}

TEST(Master, whoever_answers_in_full_is_believed_although_others_were_faster_with_a_part) {
  ClusterBox box;
  box.contributors.min = 3;
  box.contributors.lease = milliseconds(1000);
  box.train.snippets = 2;
  Stage stage(box);
  stage.greets(2);
  stage.greets(3);
  stage.greets(1);
  // Whoever got nothing shares what is overdue; the whole replaces a part that was answered.
  std::map<std::uint32_t, std::vector<SnippetRange>> first;
  for (std::uint32_t peer = 1; peer <= 3; ++peer) first[peer] = stage.leases_of(peer);
  for (int i = 0; i < 11; ++i) {
    stage.passes(milliseconds(100));
    for (std::uint32_t peer = 1; peer <= 3; ++peer) stage.says(peer, Heartbeat{});
  }
  for (std::uint32_t peer = 1; peer <= 3; ++peer) {
    for (const SnippetRange node : stage.leases_of(peer)) {
      stage.answers(peer, 1, node, milliseconds(10));
    }
    for (const SnippetRange node : first[peer]) stage.answers(peer, 1, node, milliseconds(900));
  }
  for (std::uint32_t peer = 1; peer <= 3; ++peer) EXPECT_FALSE(stage.dropped(peer)) << peer;
  EXPECT_GE(stage.master().progress().step, 1U);
}

TEST(Master, says_that_it_waits_when_all_are_lost_in_the_middle_of_a_step) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.disappears(1);
  for (int i = 0; i < 15; ++i) stage.passes(milliseconds(100));
  EXPECT_EQ(stage.events("waiting"), 1);
  stage.greets(2);
  stage.passes(milliseconds(20));
  stage.disappears(2);
  for (int i = 0; i < 15; ++i) stage.passes(milliseconds(100));
  EXPECT_EQ(stage.events("waiting"), 2);
}

TEST(Master, ends_with_the_reason_when_nobody_can_come_any_more) {
  ClusterBox box;
  box.others_may_come = false;
  Stage stage(box);
  stage.greets(1);
  stage.says(1, FailedMessage{.work = 1, .node = {0, 8}, .reason = "out of memory"});
  try {
    stage.says(1, FailedMessage{.work = 1, .node = {0, 8}, .reason = "out of memory"});
    FAIL() << "it went on";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("out of memory"), std::string::npos) << error.what();
  }
}

TEST(Master, a_stop_waits_for_what_those_who_leave_still_hold) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.says(1, Leave{"enough"});
  stage.stops();
  stage.passes(milliseconds(20));
  EXPECT_FALSE(stage.master().finished());
  stage.answers(1, 1, {0, 8}, milliseconds(10));
  stage.passes(milliseconds(20));
  EXPECT_TRUE(stage.master().finished());
  EXPECT_EQ(stage.master().progress().step, 1U);
  EXPECT_EQ(stage.checkpoints(), 1);
  EXPECT_TRUE(stage.last<Finish>(1));
}

}  // namespace
}  // namespace raven
