#include <gtest/gtest.h>

#include <algorithm>

#include "raven/data/sampler.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/simulate/simulator.hpp"
#include "simulate/tiny_job.hpp"

namespace raven {
namespace {

/// Simulated runs of a model that records a graph for each sample.
class SimulatedSentences : public SimulatedJob<TinyJob::Data::sentences> {};

TEST_F(SimulatedSentences, learn_when_nothing_happens) {
  const std::vector<EpochResult>& history = simulator->undisturbed().history;
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[0].train.samples, job->training().train->size());
  EXPECT_LT(history[1].train.loss, history[0].train.loss);
}

TEST_F(SimulatedSentences, a_quiet_crowd_of_any_size_gives_the_same_bits) {
  for (const int contributors : {1, 2, 3, 7}) {
    EXPECT_EQ(simulator->run({.seed = 3, .faults = {}, .contributors = contributors}).difference,
              "");
  }
}

TEST_F(SimulatedSentences, mixtures_of_all_honest_faults_change_nothing_but_time) {
  std::uint64_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SimulationResult result = simulator->run({.seed = seed, .faults = FaultSet::honest()});
    EXPECT_EQ(result.difference, "") << "seed " << seed;
    faults += result.faults;
  }
  EXPECT_GT(faults, 600U);
}

TEST_F(SimulatedSentences, mixtures_with_attacks_change_nothing_but_time) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SimulationResult result = simulator->run({.seed = seed, .faults = FaultSet::all()});
    EXPECT_EQ(result.difference, "") << "seed " << seed;
  }
}

TEST_F(SimulatedSentences, sample_by_sample_keep_their_bits_too) {
  Simulator alone(job->training({"autobatch=false"}), job->scratch());
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    EXPECT_EQ(alone.run({.seed = seed, .faults = FaultSet::all()}).difference, "")
        << "seed " << seed;
  }
}

/// Takes its way by what it computes, so that the graphs of a step follow from its parameters.
class ByValue {
 public:
  explicit ByValue(Builder& build)
      : words_(build, "words", build.vocabulary(), 3),
        low_(build, "low", 3, build.classes()),
        high_(build, "high", 3, build.classes()) {}

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

/// Scales what it learns by what it computes, of long sentences only.
class ByValueOfLong {
 public:
  static constexpr std::int64_t is_long = 30;

  explicit ByValueOfLong(Builder& build)
      : words_(build, "words", build.vocabulary(), 3), tags_(build, "tags", 3, build.classes()) {}

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

TEST_F(SimulatedSentences,
       of_a_program_that_looks_at_values_from_some_step_on_keep_their_bits_too) {
  // An order whose first step has no long sentence, so that the master looks ahead to one that has.
  const Training training = job->training();
  const Dataset& data = *training.train;
  Sampler sampler{.seed = 0, .size = data.size(), .batch = training.setup.train.batch};
  const auto looks = [&](std::int64_t step) {
    return std::ranges::any_of(sampler.batch_at(step), [&](std::int64_t sample) {
      return data.extent(sample).tokens >= ByValueOfLong::is_long;
    });
  };
  while (looks(0) || !looks(1)) ASSERT_LT(++sampler.seed, 1000U);
  Simulator program(job->training({"seed=" + std::to_string(sampler.seed)}, &by_value_of_long),
                    job->scratch());
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    EXPECT_EQ(program.run({.seed = seed, .faults = FaultSet::all()}).difference, "")
        << "seed " << seed;
  }
}

TEST_F(SimulatedSentences, that_are_grouped_by_length_keep_their_bits_too) {
  Simulator grouped(job->training({"train.group_by_length=2"}), job->scratch());
  EXPECT_NE(grouped.undisturbed().weights, simulator->undisturbed().weights);
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    EXPECT_EQ(grouped.run({.seed = seed, .faults = FaultSet::all()}).difference, "")
        << "seed " << seed;
  }
}

/// Plain SGD updates some rows of a table, and they are all that contributors are sent of it.
TEST_F(SimulatedSentences, of_a_program_that_looks_at_values_keep_their_bits_too) {
  Simulator program(job->training({"optimizer={sgd: {rate: 0.3}}"}, &by_value), job->scratch());
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    EXPECT_EQ(program.run({.seed = seed, .faults = FaultSet::all()}).difference, "")
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace raven
