// Models that record a graph for each sample, trained by a cluster.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cluster/box.hpp"
#include "cluster/stage.hpp"
#include "raven/core/error.hpp"
#include "raven/data/sampler.hpp"
#include "raven/graph/ops/arithmetic.hpp"

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

/// Scales what it learns by what it computes, to the last bit, but of long sentences only: the
/// first steps have none.
class ByValueOfLong {
 public:
  static constexpr std::int64_t is_long = 39;

  explicit ByValueOfLong(Builder& build)
      : words_(build, "words", build.vocabulary(), 6), tags_(build, "tags", 6, build.classes()) {}

  void operator()(const Sample& sample) const {
    Variable logits = tags_(words_(sample.features()));
    if (sample.size() >= is_long) {
      logits = scale(logits, 1 + 0.1 * static_cast<double>(logits.value().values()[0]));
    }
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
  Linear tags_;
};

constexpr ProgramDef by_value_of_long = program_of<ByValueOfLong>("by_value_of_long");

/// Gives the box an order in which some steps have no long sentence. @return the first that has
std::int64_t begins_without_long(ClusterBox& box) {
  Sampler sampler{.size = box.setup().datasets[0].rows, .batch = box.train.batch};
  const auto looks = [&, length = box.setup().length](std::int64_t step) {
    return std::ranges::any_of(sampler.batch_at(step), [&](std::int64_t sample) {
      return length(sample) >= ByValueOfLong::is_long;
    });
  };
  for (;;) {
    sampler.seed = ++box.train.seed;
    std::int64_t first = 0;
    while (first < sampler.steps_per_epoch() && !looks(first)) ++first;
    EXPECT_LT(first, sampler.steps_per_epoch());
    if (first > 1) return first;
  }
}

TEST(Sequences, that_are_recorded_ahead_have_the_weights_of_those_that_are_not) {
  for (const ProgramDef* program :
       {static_cast<const ProgramDef*>(nullptr), &by_length, &by_value, &by_value_of_long}) {
    ClusterBox box(ClusterBox::Data::sentences);
    box.program = program;
    box.train.batch = 4;
    EXPECT_LT(begins_without_long(box), 5);
    box.records_ahead = false;
    const Digest expected = box.run({{}}).weights;
    box.records_ahead = true;
    const std::vector<std::vector<ClusterBox::Contribution>> several = {
        {{}}, {{}, {}}, {{}, {.reads_shards = false}, {.threads = 2}}};
    for (const auto& contributions : several) {
      EXPECT_EQ(box.run(contributions).weights, expected)
          << (program == nullptr ? "layers" : program->name) << ", " << contributions.size();
    }
  }
}

/// What a master records, counted.
class Recordings {
 public:
  explicit Recordings(ClusterBox& box) {
    box.wraps_recording = [this](const auto& record) {
      return [this, record](auto... sample) {
        ++count_;
        if (refuses_) throw InputError("it refuses", "do not ask");
        return record(sample...);
      };
    };
  }
  [[nodiscard]] int since_last_time() { return std::exchange(count_, 0); }
  void refuses(bool from_now) { refuses_ = from_now; }

 private:
  int count_ = 0;
  bool refuses_ = false;
};

void answers_all(Stage& stage) {
  const std::optional<Lease> lease = stage.last<Lease>(1);
  ASSERT_TRUE(lease);
  stage.answers(1, lease->work, lease->root, std::chrono::milliseconds(5));
}

TEST(Sequences, are_recorded_a_step_ahead) {
  for (const ProgramDef* program : {static_cast<const ProgramDef*>(nullptr), &by_length}) {
    ClusterBox box(ClusterBox::Data::sentences);
    box.program = program;
    Recordings recordings(box);
    Stage stage(box);
    (void)recordings.since_last_time();
    stage.greets(1);
    EXPECT_EQ(recordings.since_last_time(), 11);
    stage.looks_ahead();
    EXPECT_EQ(recordings.since_last_time(), 11);
    stage.looks_ahead();
    EXPECT_EQ(recordings.since_last_time(), 0);
  }
}

TEST(Sequences, whose_graphs_follow_from_values_are_recorded_when_their_step_begins) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.program = &by_value;
  Recordings recordings(box);
  Stage stage(box);
  (void)recordings.since_last_time();
  stage.greets(1);
  EXPECT_EQ(recordings.since_last_time(), 11);
  stage.looks_ahead();
  EXPECT_EQ(recordings.since_last_time(), 0);
}

TEST(Sequences, of_a_program_that_begins_to_look_at_values_are_recorded_again_from_then_on) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.program = &by_value_of_long;
  box.train.batch = 2;
  box.train.snippets = 1;
  const std::int64_t first = begins_without_long(box);
  Recordings recordings(box);
  Stage stage(box);
  (void)recordings.since_last_time();
  stage.greets(1);
  EXPECT_EQ(recordings.since_last_time(), 2);
  for (std::int64_t step = 0; step < first; ++step) {
    stage.looks_ahead();
    EXPECT_EQ(recordings.since_last_time(), 2) << step;
    answers_all(stage);
    EXPECT_EQ(recordings.since_last_time(), step + 1 < first ? 0 : 2) << step;
  }
  // From here on no step is recorded before it begins, whatever it has.
  stage.looks_ahead();
  EXPECT_EQ(recordings.since_last_time(), 0);
}

TEST(Sequences, that_a_program_refuses_ahead_of_their_step_end_it_only_if_it_still_does_then) {
  ClusterBox box(ClusterBox::Data::sentences);
  Recordings recordings(box);
  Stage stage(box);
  stage.greets(1);
  recordings.refuses(true);
  EXPECT_NO_THROW(stage.looks_ahead());
  recordings.refuses(false);
  answers_all(stage);
  EXPECT_EQ(stage.master().progress().step, 1U);
  recordings.refuses(true);
  EXPECT_NO_THROW(stage.looks_ahead());
  EXPECT_THROW(answers_all(stage), InputError);
}

TEST(Sequences, that_are_grouped_by_length_have_the_same_weights_whoever_computes_them) {
  ClusterBox box(ClusterBox::Data::sentences);
  const Digest apart = box.run({{}}).weights;
  box.train.group_by_length = 2;
  const ClusterBox::Result grouped = box.run({{}, {}});
  EXPECT_NE(grouped.weights, apart);
  // Who reads shards reads the right ones: other rows would be found not to fit, and sent then.
  EXPECT_EQ(std::ranges::count(grouped.events, "failed", &RunEvent::kind), 0);
  expect_same_weights_of_all_crowds(box);
}

TEST(Sequences, that_are_grouped_by_length_go_on_to_the_same_bits) {
  ClusterBox box(ClusterBox::Data::sentences);
  box.train.group_by_length = 3;
  box.train.epochs = 40;
  const Digest expected = box.run({{}, {}}).weights;
  for (const std::uint64_t stop_after : {1U, 6U, 11U}) {
    const ClusterBox::Result first = box.run({{}, {}}, nullptr, stop_after);
    ASSERT_TRUE(first.stopped_early);
    ASSERT_TRUE(first.checkpoint);
    EXPECT_EQ(box.run({{}}, &*first.checkpoint).weights, expected) << stop_after;
  }
}

TEST(Sequences, whose_graphs_a_contributor_is_to_forget_are_sent_again) {
  ClusterBox box(ClusterBox::Data::sentences);
  const Digest expected = box.run({{}, {}}).weights;
  for (const bool by_bytes : {false, true}) {
    if (by_bytes) {
      box.most_sample_graphs = 16384;
      box.most_sample_graph_bytes = 1;  // less than any graph: each snippet begins anew
    } else {
      box.most_sample_graphs = 12;
    }
    EXPECT_EQ(box.run({{}, {}}).weights, expected);

    Stage stage(box);
    stage.greets(1);
    std::set<Digest> sent;
    std::set<Digest> again;
    std::size_t kept = 0;
    for (int step = 0; step < 4; ++step) answers_all(stage);
    for (const AnyMessage& message : stage.sent(1)) {
      if (std::holds_alternative<ForgetGraphs>(message)) kept = 0;
      const auto* graph = std::get_if<GraphMessage>(&message);
      if (graph == nullptr) continue;
      if (!sent.insert(graph->digest).second) again.insert(graph->digest);
      if (!by_bytes) {
        EXPECT_LE(++kept, 12U);
      }
    }
    EXPECT_GT(stage.count<ForgetGraphs>(1), by_bytes ? 8 : 1);
    EXPECT_FALSE(again.empty());
  }
}

}  // namespace
}  // namespace raven
