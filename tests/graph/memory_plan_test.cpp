#include "graph/memory_plan.hpp"

#include <gtest/gtest.h>

#include "raven/core/random.hpp"

namespace raven {
namespace {

void expect_sound(const std::vector<Lifetime>& lifetimes, const MemoryPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), lifetimes.size());
  for (std::size_t a = 0; a < lifetimes.size(); ++a) {
    EXPECT_EQ(plan.offsets[a] % buffer_alignment, 0U);
    EXPECT_LE(plan.offsets[a] + lifetimes[a].bytes, plan.bytes);
    for (std::size_t b = 0; b < a; ++b) {
      const bool in_time =
          lifetimes[a].first <= lifetimes[b].last && lifetimes[b].first <= lifetimes[a].last;
      const bool in_space = plan.offsets[a] < plan.offsets[b] + lifetimes[b].bytes &&
                            plan.offsets[b] < plan.offsets[a] + lifetimes[a].bytes;
      ASSERT_FALSE(in_time && in_space) << "buffers " << b << " and " << a;
    }
  }
  EXPECT_GE(plan.bytes, peak_bytes(lifetimes));
}

/// Forward and backward through a chain: long lives around short ones.
std::vector<Lifetime> chain(std::uint32_t length) {
  std::vector<Lifetime> lifetimes;
  for (std::uint32_t i = 0; i < length; ++i) {
    const std::size_t bytes = 4096 >> (i % 5U);
    lifetimes.push_back({bytes, i, 2 * length - i});
    lifetimes.push_back({bytes, 2 * length - i - 1, 2 * length - i});
  }
  return lifetimes;
}

TEST(MemoryPlan, nothing_takes_nothing) { EXPECT_EQ(plan_memory({}).bytes, 0U); }

TEST(MemoryPlan, buffers_that_follow_one_another_share_a_place) {
  const std::vector<Lifetime> lifetimes = {{100, 0, 1}, {100, 2, 3}, {60, 4, 9}};
  const MemoryPlan plan = plan_memory(lifetimes);
  EXPECT_EQ(plan.bytes, 128U);
  expect_sound(lifetimes, plan);
}

TEST(MemoryPlan, a_tick_in_common_is_an_overlap) {
  const std::vector<Lifetime> lifetimes = {{64, 0, 1}, {64, 1, 2}};
  EXPECT_EQ(plan_memory(lifetimes).bytes, 128U);
}

TEST(MemoryPlan, a_chain_takes_little_more_than_its_peak) {
  const auto lifetimes = chain(40);
  const MemoryPlan plan = plan_memory(lifetimes);
  expect_sound(lifetimes, plan);
  EXPECT_LE(plan.bytes, peak_bytes(lifetimes) * 11 / 10);
}

TEST(MemoryPlan, random_lives_never_collide) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    RandomStream random({.seed = seed});
    std::vector<Lifetime> lifetimes(1 + random.below(120));
    for (Lifetime& life : lifetimes) {
      life.bytes = random.below(3000);
      life.first = random.below(50);
      life.last = life.first + random.below(20);
    }
    expect_sound(lifetimes, plan_memory(lifetimes));
  }
}

TEST(MemoryPlan, very_many_buffers_are_placed_in_the_order_of_time) {
  const auto lifetimes = chain(2500);
  const MemoryPlan plan = plan_memory(lifetimes);
  EXPECT_LE(plan.bytes, peak_bytes(lifetimes) * 3 / 2);
  RandomStream random({.seed = 5});
  for (int i = 0; i < 20; ++i) {
    // A sample of all pairs: neighbours in time.
    std::vector<Lifetime> some;
    MemoryPlan part{{}, plan.bytes};
    const std::size_t first = random.below(4900);
    for (std::size_t b = first; b < first + 100; ++b) {
      some.push_back(lifetimes[b]);
      part.offsets.push_back(plan.offsets[b]);
    }
    expect_sound(some, part);
  }
}

}  // namespace
}  // namespace raven
