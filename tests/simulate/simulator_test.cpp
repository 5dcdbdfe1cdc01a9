#include "raven/simulate/simulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "simulate/tiny_job.hpp"

namespace raven {
namespace {

FaultSet only(FaultKind kind) {
  FaultSet set;
  set.add(kind);
  return set;
}

class Simulated : public SimulatedJob<TinyJob::Data::table> {
 protected:
  static std::string trace_of(std::uint64_t seed, FaultSet faults) {
    std::string text;
    SimulationPlan plan{.seed = seed, .faults = faults};
    plan.trace = [&](std::string_view line) { (text += line) += '\n'; };
    const SimulationResult result = simulator->run(plan);
    EXPECT_EQ(result.difference, "") << "seed " << seed;
    return text;
  }
};

TEST_F(Simulated, a_quiet_run_counts_every_sample_once_an_epoch) {
  const std::vector<EpochResult>& history = simulator->undisturbed().history;
  const Training training = job->training();
  ASSERT_EQ(history.size(), 2U);
  for (const EpochResult& epoch : history) {
    EXPECT_EQ(epoch.train.samples, training.train->size());
    EXPECT_EQ(epoch.valid.value().samples, training.valid->size());
  }
  EXPECT_LT(history[1].train.loss, history[0].train.loss);
}

TEST_F(Simulated, a_quiet_crowd_of_any_size_gives_the_same_bits) {
  for (const int contributors : {1, 2, 3, 7, 20}) {
    const SimulationResult result =
        simulator->run({.seed = 3, .faults = {}, .contributors = contributors});
    EXPECT_EQ(result.difference, "");
    EXPECT_EQ(result.contributors, static_cast<std::uint64_t>(contributors));
    EXPECT_EQ(result.faults, 0U);
  }
}

TEST_F(Simulated, a_seed_replays_to_the_same_trace) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const std::string first = trace_of(seed, FaultSet::all());
    EXPECT_EQ(trace_of(seed, FaultSet::all()), first);
    EXPECT_GT(std::count(first.begin(), first.end(), '\n'), 100);
  }
}

TEST_F(Simulated, other_seeds_live_in_other_worlds) {
  EXPECT_NE(trace_of(1, FaultSet::all()), trace_of(2, FaultSet::all()));
}

TEST_F(Simulated, each_fault_alone_changes_nothing_but_time) {
  for (const FaultDef& def : fault_table()) {
    if (!def.promised) continue;
    std::uint64_t faults = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const SimulationResult result = simulator->run({.seed = seed, .faults = only(def.kind)});
      EXPECT_EQ(result.difference, "") << def.name << ", seed " << seed;
      faults += result.faults;
    }
    EXPECT_GT(faults, 20U) << def.name;
  }
}

TEST_F(Simulated, a_wrong_number_in_a_tensor_is_seen_as_a_difference) {
  // No promise is made here: this shows that a simulation would see a promise broken.
  int different = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulationResult result =
        simulator->run({.seed = seed, .faults = only(FaultKind::tamper)});
    if (!result.same()) ++different;
  }
  EXPECT_GT(different, 5);
}

TEST(Faults, are_named_and_known_by_their_names) {
  for (const FaultDef& def : fault_table()) {
    EXPECT_TRUE(FaultSet::named(def.name).has(def.kind)) << def.name;
    EXPECT_EQ(FaultSet::all().has(def.kind), def.promised) << def.name;
    EXPECT_FALSE(FaultSet::named("none").has(def.kind)) << def.name;
  }
  const FaultSet two = FaultSet::named("crash,delay");
  EXPECT_TRUE(two.has(FaultKind::crash) && two.has(FaultKind::delay));
  EXPECT_FALSE(two.has(FaultKind::drop));
  EXPECT_THROW((void)FaultSet::named("crash,"), InputError);
  EXPECT_THROW((void)FaultSet::named("earthquake"), InputError);
}

TEST_F(Simulated, a_run_that_ends_within_an_epoch_tells_the_same_of_its_final_weights) {
  Simulator shorter(job->training({"train.steps=6"}), job->scratch());
  const std::vector<EpochResult>& history = shorter.undisturbed().history;
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[1].step, 6U);
  EXPECT_TRUE(history[1].valid.has_value());
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    EXPECT_EQ(shorter.run({.seed = seed, .faults = FaultSet::all()}).difference, "")
        << "seed " << seed;
  }
}

/// Worlds in which something went wrong once, with what it was.
TEST_F(Simulated, what_went_wrong_once_goes_well_now) {
  struct Found {
    std::uint64_t seed;
    const char* faults;
  };
  constexpr Found found[] = {
      // Who answered late was given up when others had been given parts of its work meanwhile.
      {8, "delay,slow"},
      {9, "delay,slow"},
      // Who held two leases when its shards became unreadable was given up at the second one.
      {14, "bad-shard,slow,crash"},
      {35, "bad-shard,slow,crash"},
  };
  for (const Found& world : found) {
    const SimulationResult result =
        simulator->run({.seed = world.seed, .faults = FaultSet::named(world.faults)});
    EXPECT_EQ(result.difference, "") << "seed " << world.seed << " with " << world.faults;
  }
}

TEST_F(Simulated, two_hundred_mixtures_of_all_faults_change_nothing_but_time) {
  std::uint64_t faults = 0;
  std::uint64_t masters = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SimulationResult result = simulator->run({.seed = seed, .faults = FaultSet::all()});
    EXPECT_EQ(result.difference, "") << "seed " << seed;
    faults += result.faults;
    masters += result.masters;
  }
  EXPECT_GT(faults, 800U);
  EXPECT_GT(masters, 300U);
}

TEST_F(Simulated, a_hundred_mixtures_without_attacks_make_nobody_a_liar) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const SimulationResult result = simulator->run({.seed = seed, .faults = FaultSet::honest()});
    EXPECT_EQ(result.difference, "") << "seed " << seed;
  }
}

TEST_F(Simulated, clipping_by_norm_and_a_lonely_contributor_keep_the_bits_too) {
  Simulator clipped(job->training({"clip.norm=0.5"}), job->scratch());
  EXPECT_NE(clipped.undisturbed().weights, simulator->undisturbed().weights);
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const SimulationResult result =
        clipped.run({.seed = seed, .faults = FaultSet::all(), .contributors = 1});
    EXPECT_EQ(result.difference, "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace raven
