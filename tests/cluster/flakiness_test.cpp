#include "raven/cluster/flakiness.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Instant noon{std::chrono::hours(12)};

Flakiness after_deaths(int count, int bar_after = 8) {
  Flakiness flakiness(bar_after);
  for (int i = 0; i < count; ++i) flakiness.died("n2", static_cast<std::uint64_t>(i), noon);
  return flakiness;
}

TEST(Flakiness, two_deaths_are_nobody_s_fault) {
  EXPECT_EQ(after_deaths(2).rest("n2", noon), milliseconds(0));
  EXPECT_EQ(after_deaths(9).rest("n3", noon), milliseconds(0));
  EXPECT_FALSE(after_deaths(9).is_barred("n3", noon));
}

TEST(Flakiness, from_the_third_on_rests_grow_to_a_limit) {
  EXPECT_EQ(after_deaths(3).rest("n2", noon), milliseconds(500));
  EXPECT_EQ(after_deaths(4).rest("n2", noon), milliseconds(1000));
  EXPECT_EQ(after_deaths(6).rest("n2", noon), milliseconds(4000));
  EXPECT_EQ(after_deaths(1000).rest("n2", noon), Flakiness::longest_rest);
}

TEST(Flakiness, who_keeps_dying_is_barred_and_forgiven_by_and_by) {
  EXPECT_FALSE(after_deaths(7).is_barred("n2", noon));
  const Flakiness flakiness = after_deaths(8);
  EXPECT_TRUE(flakiness.is_barred("n2", noon));
  EXPECT_FALSE(flakiness.is_barred("n2", noon + Flakiness::half_life));
  EXPECT_EQ(flakiness.rest("n2", noon + 3 * Flakiness::half_life), milliseconds(0));
  EXPECT_TRUE(after_deaths(2, 2).is_barred("n2", noon));
}

TEST(Flakiness, deaths_a_minute_apart_never_add_up) {
  Flakiness flakiness(8);
  for (int i = 0; i < 100; ++i) flakiness.died("n2", 1, noon + i * Flakiness::half_life);
  EXPECT_EQ(flakiness.rest("n2", noon + 99 * Flakiness::half_life), milliseconds(0));
}

TEST(Flakiness, a_process_that_comes_back_had_not_died) {
  Flakiness flakiness = after_deaths(8);
  EXPECT_TRUE(flakiness.came_back("n2", 3, noon));
  EXPECT_FALSE(flakiness.is_barred("n2", noon));
  EXPECT_FALSE(flakiness.came_back("n2", 3, noon));
  EXPECT_FALSE(flakiness.came_back("n2", 99, noon));
  EXPECT_FALSE(flakiness.came_back("n9", 3, noon));
}

}  // namespace
}  // namespace raven
