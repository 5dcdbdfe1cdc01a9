#include "cli/pace.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace raven {
namespace {

using namespace std::chrono_literals;
constexpr Pace::Clock::time_point start{1000s};

TEST(Pace, nothing_is_known_before_a_count_has_risen) {
  Pace pace;
  EXPECT_EQ(pace.per_second(start), std::nullopt);
  pace.note(7, start);
  pace.note(7, start + 1s);
  EXPECT_EQ(pace.per_second(start + 1s), std::nullopt);
  pace.note(27, start + 4s);
  EXPECT_EQ(pace.per_second(start + 4s), 5.0);
}

TEST(Pace, only_the_last_seconds_count) {
  Pace pace;
  std::uint64_t count = 0;
  for (int second = 0; second <= 100; ++second) {
    pace.note(count += second < 50 ? 1000 : 20, start + second * 1s);
  }
  EXPECT_EQ(pace.per_second(start + 100s), 20.0);
}

TEST(Pace, what_rises_seldom_is_measured_from_rise_to_rise) {
  Pace pace;
  // 900 every 30 s; looked at each second between.
  for (int second = 0; second <= 125; ++second) {
    pace.note(900U * static_cast<std::uint64_t>(second / 30), start + second * 1s);
    if (second < 60) continue;
    ASSERT_TRUE(pace.per_second(start + second * 1s)) << second;
    EXPECT_NEAR(*pace.per_second(start + second * 1s), 30.0, 1e-9) << second;
  }
}

TEST(Pace, what_has_stopped_has_no_pace) {
  Pace pace;
  for (int second = 0; second <= 20; ++second)
    pace.note(static_cast<std::uint64_t>(second) * 50, start + second * 1s);
  EXPECT_EQ(pace.per_second(start + 20s), 50.0);
  EXPECT_LT(pace.per_second(start + 26s), 50.0);
  EXPECT_EQ(pace.per_second(start + 31s), std::nullopt);
}

TEST(Pace, it_is_a_finite_number_whatever_happens) {
  Pace pace;
  pace.note(0, start);
  pace.note(~std::uint64_t{0}, start);
  EXPECT_EQ(pace.per_second(start), std::nullopt) << "no time has passed";
  pace.note(5, start + 1s);
  EXPECT_EQ(pace.per_second(start + 1s), std::nullopt) << "it went back";
  pace.note(~std::uint64_t{0}, start + 1s + 1ns);
  EXPECT_TRUE(std::isfinite(pace.per_second(start + 1s + 1ns).value_or(0)));
}

TEST(Pace, it_takes_no_more_room_in_a_long_run) {
  Pace pace;
  for (std::uint64_t tick = 0; tick < 1000000; ++tick) pace.note(tick, start + tick * 1s);
  EXPECT_EQ(pace.per_second(start + 999999s), 1.0);
}

}  // namespace
}  // namespace raven
