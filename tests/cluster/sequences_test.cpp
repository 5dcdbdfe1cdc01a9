// Models that record a graph for each sample, trained by a cluster.
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/box.hpp"

namespace raven {
namespace {

struct Crowd {
  const char* what;
  std::vector<ClusterBox::Contribution> contributions;
};

const Crowd crowds[] = {
    {"one that gets its rows with the work", {{.reads_shards = false}}},
    {"two", {{}, {}}},
    {"two, of which one gets its rows with the work", {{.threads = 2}, {.reads_shards = false}}},
    {"three", {{}, {.reads_shards = false}, {.threads = 2}}},
    {"two and one that dies early", {{.dies_after = 3}, {}, {}}},
    {"two and one that dies in the first step", {{.dies_after = 20}, {}, {}}},
    {"two and one without shards that dies later",
     {{.reads_shards = false, .dies_after = 60}, {}, {}}},
};

void expect_same_weights_of_all_crowds(ClusterBox& box) {
  const ClusterBox::Result alone = box.run({{}});
  ASSERT_EQ(alone.history.size(), 2U);
  EXPECT_EQ(alone.history[0].train.samples, 40);
  EXPECT_LT(alone.history[1].train.loss, alone.history[0].train.loss);
  std::ptrdiff_t deaths = 0;
  for (const Crowd& crowd : crowds) {
    const ClusterBox::Result result = box.run(crowd.contributions);
    EXPECT_EQ(result.weights, alone.weights) << crowd.what;
    ASSERT_EQ(result.history.size(), 2U) << crowd.what;
    EXPECT_EQ(result.history[1].valid->loss, alone.history[1].valid->loss) << crowd.what;
    EXPECT_EQ(result.history[1].valid->metrics, alone.history[1].valid->metrics) << crowd.what;
    deaths += std::ranges::count(result.events, "lost", &RunEvent::kind);
  }
  EXPECT_GT(deaths, 0);
}

TEST(Sequences, have_the_same_weights_whoever_computes_them) {
  ClusterBox box(ClusterBox::Data::sentences);
  expect_same_weights_of_all_crowds(box);
}

TEST(Sequences, have_the_same_weights_whoever_computes_them_sample_by_sample) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.autobatch = Autobatch::off;
  expect_same_weights_of_all_crowds(box);
}

TEST(Sequences, go_through_gateways_with_the_same_weights) {
  ClusterBox box(ClusterBox::Data::sentences);
  const Digest direct = box.run({{}}).weights;
  box.gateways = 2;
  EXPECT_EQ(box.run({{}, {.reads_shards = false}, {}}).weights, direct);
}

/// Rows of the embedding are all that travels, that the norm is made of, and that is updated.
TEST(Sequences, that_train_some_rows_of_a_table_have_the_same_weights_whoever_computes_them) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.train.optimizer.options.set("momentum", 0.0);
  box.train.optimizer.options.set("rate", 0.5);
  box.train.clip = {.norm = 0.3};
  expect_same_weights_of_all_crowds(box);
  const Digest direct = box.run({{}}).weights;
  box.gateways = 2;
  EXPECT_EQ(box.run({{}, {.reads_shards = false}, {}}).weights, direct);
}

/// Of short sentences it trains one layer, of long ones another: many snippets have no gradient of
/// one of them.
class ByLength {
 public:
  explicit ByLength(Builder& build)
      : words_(build, "words", build.vocabulary(), 6),
        short_(build, "short", 6, build.classes()),
        long_(build, "long", 6, build.classes()) {}

  void operator()(const Sample& sample) const {
    const Variable words = words_(sample.features());
    const Variable logits = sample.size() < 30 ? short_(words) : long_(words);
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
  Linear short_;
  Linear long_;
};

constexpr ProgramDef by_length = program_of<ByLength>("by_length");

TEST(Sequences, of_a_program_that_branches_have_the_same_weights_whoever_computes_them) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.program = &by_length;
  // So small that snippets without long sentences, and without short ones, come often.
  box.train.batch = 6;
  expect_same_weights_of_all_crowds(box);
}

TEST(Sequences, of_a_program_that_branches_are_trained_alike_however_a_batch_is_cut) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.program = &by_length;
  box.train.batch = 6;
  const auto loss_with = [&](std::int64_t snippets) {
    box.train.snippets = snippets;
    return box.run({{}}).history.back().valid->loss;
  };
  const double whole = loss_with(1);
  EXPECT_NEAR(loss_with(6), whole, 1e-4 * whole);
}

/// Takes its way by what it computes, which every step changes.
class ByValue {
 public:
  explicit ByValue(Builder& build)
      : words_(build, "words", build.vocabulary(), 6),
        low_(build, "low", 6, build.classes()),
        high_(build, "high", 6, build.classes()) {}

  void operator()(const Sample& sample) const {
    const Variable words = words_(sample.features());
    const Variable low = low_(words);
    const Variable logits = low.value().values()[0] < 0 ? low : high_(words);
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
  Linear low_;
  Linear high_;
};

constexpr ProgramDef by_value = program_of<ByValue>("by_value");

TEST(Sequences, of_a_program_that_looks_at_values_have_the_same_weights_whoever_computes_them) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.program = &by_value;
  expect_same_weights_of_all_crowds(box);
}

TEST(Sequences, of_a_stopped_run_go_on_to_the_same_bits) {
  for (const ProgramDef* program : {static_cast<const ProgramDef*>(nullptr), &by_value}) {
    ClusterBox box(ClusterBox::Data::sentences);
    box.program = program;
    // Steps of a few milliseconds: some go by until a stop is heard.
    box.train.epochs = 40;
    const Digest expected = box.run({{}, {}}).weights;
    for (const std::uint64_t stop_after : {1U, 6U, 11U}) {
      const ClusterBox::Result first = box.run({{}, {}}, nullptr, stop_after);
      ASSERT_TRUE(first.stopped_early);
      ASSERT_TRUE(first.checkpoint);
      EXPECT_EQ(box.run({{}}, &*first.checkpoint).weights, expected) << stop_after;
    }
  }
}

/// Samples that a master records for the step after the one that is being computed.
int recorded_ahead(const ClusterBox& box) {
  int recorded = 0;
  MasterSetup setup = box.setup();
  setup.record_sample = [&recorded, record = setup.record_sample](auto&&... sample) {
    ++recorded;
    return record(sample...);
  };
  ComputePool compute(1);
  BufferPool buffers;
  const Instant noon{std::chrono::hours(12)};
  Master master(setup, box.fresh_parameters(), compute, buffers, nullptr, noon);
  MasterActions actions;
  const Hello hello{.fingerprint = setup.fingerprint, .threads = 1};
  master.on({Event::Kind::message, {1}, encode(hello), {}}, noon, actions);
  master.on({Event::Kind::message, {1}, encode(Ready{.readable = {0, 0}}), {}}, noon, actions);
  EXPECT_EQ(recorded, box.train.batch);
  master.look_ahead();
  master.look_ahead();
  return recorded - static_cast<int>(box.train.batch);
}

TEST(Sequences, are_recorded_a_step_ahead_unless_their_graphs_follow_from_values) {
  ClusterBox box(ClusterBox::Data::sentences);
  EXPECT_EQ(recorded_ahead(box), 11);
  box.program = &by_value;
  EXPECT_EQ(recorded_ahead(box), 0);
}

}  // namespace
}  // namespace raven
