// A master that is held, that stops and goes on, and what it counts over its lives.
#include <gtest/gtest.h>

#include <optional>

#include "cluster/stage.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

using std::chrono::milliseconds;

TEST(Master, held_it_begins_no_step_and_has_a_checkpoint_of_where_it_stands) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.holds(true);
  stage.answers(1, 1, {0, 8}, milliseconds(10));
  for (int i = 0; i < 3; ++i) stage.passes(milliseconds(20));
  EXPECT_EQ(stage.master().progress().step, 1U) << "the step under way is ended";
  EXPECT_TRUE(stage.master().progress().waiting);
  EXPECT_EQ(stage.checkpoints(), 1);
  EXPECT_EQ(stage.leases_of(1).size(), 1U) << "of the first step only";
  stage.holds(false);
  stage.passes(milliseconds(20));
  EXPECT_FALSE(stage.master().progress().waiting);
  EXPECT_FALSE(stage.leases_of(1).empty());
  stage.holds(true);
  stage.answers(1, 2, {0, 8}, milliseconds(10));
  stage.passes(milliseconds(20));
  EXPECT_EQ(stage.checkpoints(), 2);
  stage.stops();
  stage.passes(milliseconds(20));
  EXPECT_TRUE(stage.master().finished()) << "held, it can still be stopped";
}

TEST(Master, a_contributor_that_is_gone_does_not_grow_faster) {
  ClusterBox box;
  box.train.epochs = 100;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  const auto steps = [&](std::uint64_t count) {
    const std::uint64_t end = stage.master().progress().step + count;
    for (std::uint32_t turn = 0; stage.master().progress().step < end; ++turn) {
      ASSERT_LT(turn, 20 * count) << "it does not go on";
      const std::uint32_t peer = 1 + turn % 2;
      const std::optional<Lease> newest = stage.last<Lease>(peer);
      for (const SnippetRange node : stage.leases_of(peer)) {
        if (newest->purpose == Purpose::train) {
          stage.answers(peer, newest->work, node, milliseconds(6 * node.count));
        } else {
          stage.evaluates(peer, newest->work, node, milliseconds(1));
        }
      }
    }
  };
  // The first work of each teaches nothing of its speed.
  for (int i = 0; i < 50 && stage.master().roster().all()[1].speed <= 0; ++i) steps(1);
  stage.disappears(2);
  const double speed = stage.master().roster().all()[1].speed;
  EXPECT_GT(speed, 0);
  steps(200);
  EXPECT_EQ(stage.master().roster().all()[1].speed, speed);
  EXPECT_LT(stage.master().roster().all()[0].speed, 10000);
}

TEST(Master, a_run_that_was_complete_tells_nothing_and_writes_nothing) {
  ClusterBox box;
  const ClusterBox::Result whole = box.run({{}, {}});
  ASSERT_TRUE(whole.checkpoint);
  ComputePool compute(1);
  BufferPool buffers;
  Master master(box.setup(), box.fresh_parameters(), compute, buffers, &*whole.checkpoint, {});
  EXPECT_TRUE(master.was_complete());
  MasterActions actions;
  master.tick({}, actions);
  EXPECT_TRUE(master.finished());
  EXPECT_FALSE(master.stopped_early());
  EXPECT_FALSE(actions.checkpoint);
  EXPECT_TRUE(actions.events.empty());
  EXPECT_TRUE(actions.epochs.empty());
  std::uint64_t rows = 0;
  for (const Credit& credit : master.credits()) rows += credit.rows;
  const auto epochs = static_cast<std::uint64_t>(box.train.epochs);
  EXPECT_EQ(rows,
            epochs * static_cast<std::uint64_t>(box.training()->size() + box.validation()->size()));
}

TEST(Master, who_did_what_before_a_restart_is_kept_and_nothing_is_counted_twice) {
  ClusterBox box;
  const ClusterBox::Result first = box.run({{}, {}}, nullptr, 3);
  const ClusterBox::Result second = box.run({{}}, &*first.checkpoint);
  const auto rows_in = [](const Checkpoint& checkpoint) {
    std::uint64_t rows = 0;
    for (const Credit& credit : credits_from_json(checkpoint.credits_json)) rows += credit.rows;
    return rows;
  };
  EXPECT_GT(rows_in(*first.checkpoint), 0U);
  const auto epochs = static_cast<std::uint64_t>(box.train.epochs);
  EXPECT_EQ(rows_in(*second.checkpoint),
            epochs * static_cast<std::uint64_t>(box.training()->size() + box.validation()->size()));
}

TEST(Master, its_time_goes_on_from_what_was_told_before) {
  ClusterBox box;
  MasterSetup setup = box.setup();
  setup.seconds_before = 100;
  const ClusterBox::Result stopped = box.run({{}}, nullptr, 2);
  Checkpoint checkpoint = *stopped.checkpoint;
  ComputePool compute(1);
  BufferPool buffers;
  const auto seconds_after = [&](double known) {
    checkpoint.wall_seconds = known;
    const Master master(setup, box.fresh_parameters(), compute, buffers, &checkpoint, {});
    return master.seconds(Instant{} + std::chrono::seconds(5));
  };
  EXPECT_EQ(seconds_after(40), 105);
  EXPECT_EQ(seconds_after(140), 145);
  const Master fresh(setup, box.fresh_parameters(), compute, buffers, nullptr, {});
  EXPECT_EQ(fresh.seconds(Instant{}), 100);
}

TEST(Master, goes_on_from_a_checkpoint_of_its_own_numerics_class_only) {
  ClusterBox box;
  const ClusterBox::Result first = box.run({{}}, nullptr, 2);
  ASSERT_TRUE(first.checkpoint);
  Checkpoint foreign = *first.checkpoint;
  foreign.numerics = {.core = "Nehalem"};
  ComputePool compute(1);
  BufferPool buffers;
  const auto resumes = [&](const Checkpoint& checkpoint) {
    const Master master(box.setup(), box.fresh_parameters(), compute, buffers, &checkpoint, {});
    return master.progress().step;
  };
  EXPECT_EQ(resumes(*first.checkpoint), first.checkpoint->step);
  try {
    (void)resumes(foreign);
    FAIL() << "it resumed";
  } catch (const InputError& error) {
    EXPECT_NE(error.remedy().find("OPENBLAS_CORETYPE=Nehalem"), std::string::npos);
  }
  Checkpoint of_other_kernels = *first.checkpoint;
  of_other_kernels.numerics.core = "Cooperlake";
  try {
    (void)resumes(of_other_kernels);
    FAIL() << "it resumed";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("test, the run began with Cooperlake"),
              std::string::npos)
        << error.what();
  }
  // A checkpoint of an earlier format holds its kernels' name and an earlier fingerprint.
  Checkpoint earlier = *first.checkpoint;
  earlier.numerics = {.fingerprint = box.setup().earlier_fingerprint, .core = "test"};
  EXPECT_EQ(resumes(earlier), earlier.step);
  box.contributors.numerics = ContributorSpec::Numerics::any;
  EXPECT_EQ(resumes(foreign), foreign.step);
}

}  // namespace
}  // namespace raven
