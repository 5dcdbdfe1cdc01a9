#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/box.hpp"

namespace raven {
namespace {

using Contribution = ClusterBox::Contribution;

TEST(Cluster, any_crowd_gives_the_same_bits) {
  ClusterBox box;
  const ClusterBox::Result alone = box.run({{.threads = 1}});
  ASSERT_EQ(alone.history.size(), 2U);
  EXPECT_LT(alone.history[1].train.loss, alone.history[0].train.loss);
  EXPECT_EQ(box.run({{.threads = 2}}).weights, alone.weights);
  EXPECT_EQ(box.run({{.threads = 1}, {.threads = 2}, {.threads = 1}}).weights, alone.weights);
  EXPECT_EQ(box.run(std::vector<Contribution>(9)).weights, alone.weights);
}

TEST(Cluster, losses_and_metrics_are_the_same_bits_too) {
  ClusterBox box;
  const ClusterBox::Result one = box.run({{}});
  const ClusterBox::Result many = box.run({{}, {}, {}, {}});
  ASSERT_EQ(one.history.size(), many.history.size());
  for (std::size_t i = 0; i < one.history.size(); ++i) {
    EXPECT_EQ(one.history[i].train.loss, many.history[i].train.loss);
    ASSERT_TRUE(one.history[i].valid && many.history[i].valid);
    EXPECT_EQ(one.history[i].valid->loss, many.history[i].valid->loss);
    EXPECT_EQ(one.history[i].valid->metrics, many.history[i].valid->metrics);
  }
}

TEST(Cluster, running_statistics_are_merged_in_snippet_order) {
  ClusterBox box;
  box.batch_norm = true;
  EXPECT_EQ(box.run({{}}).weights, box.run({{}, {}, {}}).weights);
}

TEST(Cluster, a_contributor_without_shards_is_sent_its_rows) {
  ClusterBox box;
  const Digest expected = box.run({{}}).weights;
  EXPECT_EQ(box.run({{.reads_shards = false}}).weights, expected);
  EXPECT_EQ(box.run({{.reads_shards = false}, {}}).weights, expected);
}

TEST(Cluster, a_death_changes_nothing_but_time) {
  ClusterBox box;
  const Digest expected = box.run({{}}).weights;
  for (const int dies_after : {1, 3, 9, 20, 33, 57}) {
    const ClusterBox::Result result = box.run({{}, {.dies_after = dies_after}, {}});
    EXPECT_EQ(result.weights, expected) << dies_after;
  }
}

TEST(Cluster, every_clipping_and_uneven_batch_keeps_the_bits) {
  ClusterBox box;
  box.train.batch = 37;
  box.train.snippets = 5;
  box.train.clip = {.norm = 0.5};
  EXPECT_EQ(box.run({{}}).weights, box.run({{}, {}, {}}).weights);
}

TEST(Cluster, a_stopped_run_goes_on_to_the_same_bits) {
  ClusterBox box;
  const ClusterBox::Result whole = box.run({{}});
  const ClusterBox::Result first = box.run({{}, {}}, nullptr, 3);
  ASSERT_TRUE(first.stopped_early);
  ASSERT_TRUE(first.checkpoint);
  const ClusterBox::Result second = box.run({{}, {}, {}}, &*first.checkpoint);
  EXPECT_FALSE(second.stopped_early);
  EXPECT_EQ(second.weights, whole.weights);
  ASSERT_EQ(second.history.size(), whole.history.size());
  for (std::size_t i = 0; i < whole.history.size(); ++i) {
    EXPECT_EQ(second.history[i].train.loss, whole.history[i].train.loss);
    EXPECT_EQ(second.history[i].train.metrics, whole.history[i].train.metrics);
  }
}

int count(const ClusterBox::Result& result, const std::string& kind) {
  return static_cast<int>(std::count_if(result.events.begin(), result.events.end(),
                                        [&](const RunEvent& event) { return event.kind == kind; }));
}

TEST(Cluster, a_run_that_ends_with_an_epoch_validates_once_and_its_repetition_not_at_all) {
  ClusterBox box;
  const ClusterBox::Result whole = box.run({{}});
  EXPECT_EQ(count(whole, "epoch"), 2);
  EXPECT_EQ(whole.history.back().step, whole.checkpoint->step);
  const ClusterBox::Result again = box.run({{}}, &*whole.checkpoint);
  EXPECT_EQ(count(again, "epoch"), 0);
  EXPECT_EQ(again.history.size(), 2U);
  EXPECT_FALSE(again.checkpoint.has_value());
}

TEST(Cluster, whoever_was_killed_before_the_last_validation_does_it_again) {
  ClusterBox box;
  box.train.max_steps = 4;
  const ClusterBox::Result whole = box.run({{}, {}});
  ASSERT_EQ(whole.history.size(), 1U);
  EXPECT_EQ(count(whole, "epoch"), 1);
  EXPECT_EQ(whole.history[0].step, 4U);
  EXPECT_EQ(whole.history[0].train.samples, 4 * box.train.batch);

  // As it stood when the last step was done.
  Checkpoint before = *whole.checkpoint;
  before.history_json = "[]";
  before.epoch = {.samples = 4 * box.train.batch, .loss = 1, .weight = 1, .metrics = {}};
  const ClusterBox::Result resumed = box.run({{}}, &before);
  ASSERT_EQ(resumed.history.size(), 1U);
  EXPECT_EQ(count(resumed, "step"), 0);
  EXPECT_EQ(resumed.weights, whole.weights);
  EXPECT_EQ(resumed.history[0].valid.value().loss, whole.history[0].valid.value().loss);

  const ClusterBox::Result again = box.run({{}}, &*whole.checkpoint);
  EXPECT_EQ(count(again, "epoch"), 0);
  EXPECT_FALSE(again.checkpoint.has_value());
}

TEST(Cluster, a_checkpoint_of_another_model_is_refused) {
  ClusterBox box;
  const ClusterBox::Result result = box.run({{}});
  ASSERT_TRUE(result.checkpoint);
  box.batch_norm = true;
  EXPECT_THROW(box.run({{}}, &*result.checkpoint), InputError);
}

TEST(Cluster, a_loss_that_is_no_number_stops_the_run_with_a_reason) {
  ClusterBox box;
  box.train.optimizer.options.set("rate", 1.0e30);
  try {
    box.run({{}, {}});
    FAIL() << "the run went on";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("not a finite number"), std::string::npos)
        << error.what();
  }
}

TEST(Cluster, what_an_intruder_sends_reaches_neither_the_model_nor_the_run) {
  ClusterBox box;
  const Digest expected = box.run({{}}).weights;
  const Hello hello{.numerics = box.setup().numerics, .threads = 1};
  const Message ready = encode(Ready{.readable = {1, 1}});
  const Blob numbers(Bytes(24 * 784 * 4));
  const std::vector<std::vector<Message>> attacks{
      {Message{Bytes(3, std::byte{0xff}), {}}},
      {encode(GradientMessage{.work = 1, .node = {0, 8}, .parameter = {0}}, numbers)},
      {encode(hello), encode(hello)},
      {encode(hello), encode(Ready{.readable = {1}})},
      {encode(Hello{.numerics = hello.numerics, .threads = 0})},
      {encode(Hello{.protocol = 99})},
      {encode(Hello{.threads = 1})},
      {encode(hello), encode(Heartbeat{}), encode(Welcome{})},
      {encode(hello),
       encode(GradientMessage{.work = 1, .node = {0, 8}, .parameter = {0}}, numbers)},
      {encode(hello),
       encode(StatsMessage{.work = 1, .node = {0, 8}, .index = 0, .loss = 1e9, .weight = 1})},
      {encode(hello), encode(DoneMessage{.work = 1, .node = {0, 8}})},
  };
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    EXPECT_EQ(box.run({{}}, nullptr, 0, attacks[i]).weights, expected) << "attack " << i;
  }
}

}  // namespace
}  // namespace raven
