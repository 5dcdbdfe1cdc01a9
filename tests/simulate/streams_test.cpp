#include <gtest/gtest.h>

#include "raven/simulate/simulator.hpp"
#include "simulate/tiny_job.hpp"

namespace raven {
namespace {

/// Simulated runs of a model that carries a state from window to window.
class SimulatedStreams : public SimulatedJob<TinyJob::Data::text> {};

TEST_F(SimulatedStreams, learn_when_nothing_happens) {
  const std::vector<EpochResult>& history = simulator->undisturbed().history;
  const Training training = job->training();
  ASSERT_EQ(history.size(), 2U);
  for (const EpochResult& epoch : history) {
    EXPECT_EQ(epoch.train.samples, training.train->size());
    EXPECT_EQ(epoch.valid.value().samples, training.valid->size());
  }
  EXPECT_LT(history[1].train.loss, history[0].train.loss);
}

TEST_F(SimulatedStreams, a_quiet_crowd_of_any_size_gives_the_same_bits) {
  for (const int contributors : {1, 2, 3, 7}) {
    EXPECT_EQ(simulator->run({.seed = 3, .faults = {}, .contributors = contributors}).difference,
              "");
  }
}

TEST_F(SimulatedStreams, mixtures_of_all_faults_change_nothing_but_time) {
  std::uint64_t masters = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const FaultSet faults = seed % 2 == 0 ? FaultSet::all() : FaultSet::honest();
    const SimulationResult result = simulator->run({.seed = seed, .faults = faults});
    EXPECT_EQ(result.difference, "") << "seed " << seed;
    masters += result.masters;
  }
  EXPECT_GT(masters, 230U) << "masters are killed and resume";
}

}  // namespace
}  // namespace raven
