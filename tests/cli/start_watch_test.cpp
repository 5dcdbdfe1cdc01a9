#include "cli/start_watch.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = StartWatch::Verdict;

/// Looks once in 100 ms of made-up time.
class Watched {
 public:
  explicit Watched(std::size_t ranks) : watch_(ranks) {}

  Verdict look(const std::vector<pid_t>& ranks, double starved = 0, bool begun = false) {
    time_ += milliseconds(100);
    return watch_.look({.time = time_, .ranks = ranks, .starved = starved, .begun = begun});
  }
  /// @return how long it took to be called stuck; none within `limit`
  std::optional<milliseconds> stuck_after(const std::vector<pid_t>& ranks, double starved,
                                          milliseconds limit) {
    for (milliseconds passed(100); passed <= limit; passed += milliseconds(100)) {
      if (look(ranks, starved) == Verdict::stuck) return passed;
    }
    return std::nullopt;
  }

 private:
  StartWatch watch_;
  std::chrono::nanoseconds time_{0};
};

TEST(StartWatch, all_that_have_found_each_other_have_begun_for_good) {
  Watched watched(2);
  EXPECT_EQ(watched.look({1}), Verdict::starting);
  EXPECT_EQ(watched.look({1, 2}, 0, true), Verdict::begun);
  EXPECT_EQ(watched.look({}), Verdict::begun);
}

// The others wait for it for ever.
TEST(StartWatch, a_rank_that_was_there_and_is_gone_is_seen_within_two_seconds) {
  Watched watched(3);
  (void)watched.look({1, 2, 3});
  const auto stuck = watched.stuck_after({1, 3}, 0.9, seconds(60));
  ASSERT_TRUE(stuck);
  EXPECT_LE(*stuck, seconds(2));
}

TEST(StartWatch, one_that_never_comes_is_waited_for_as_long_as_the_others_could_run) {
  Watched idle(3);
  (void)idle.look({1, 2});
  const auto stuck = idle.stuck_after({1, 2}, 0, seconds(60));
  ASSERT_TRUE(stuck);
  EXPECT_LE(*stuck, seconds(6));
  // A tenth of a core for three: nine tenths of the time nobody could do anything.
  Watched starved(3);
  (void)starved.look({1, 2});
  EXPECT_FALSE(starved.stuck_after({1, 2}, 0.9, seconds(45)));
}

// 'raven launch -n 40' on two cores: one rank after the other, each seconds after the last.
TEST(StartWatch, every_new_rank_is_progress) {
  Watched watched(42);
  std::vector<pid_t> ranks;
  for (pid_t rank = 1; rank <= 42; ++rank) {
    ranks.push_back(rank);
    EXPECT_FALSE(watched.stuck_after(ranks, 0, seconds(4))) << rank;
  }
  EXPECT_EQ(watched.look(ranks, 0, true), Verdict::begun);
}

TEST(StartWatch, ranks_that_are_all_there_have_a_minute_of_time_in_which_they_can_run) {
  Watched idle(1);
  const auto stuck = idle.stuck_after({1}, 0, seconds(100));
  ASSERT_TRUE(stuck);
  EXPECT_GT(*stuck, seconds(59));
  Watched starved(1);
  EXPECT_FALSE(starved.stuck_after({1}, 0.95, seconds(600)));
  EXPECT_TRUE(starved.stuck_after({1}, 0.95, seconds(1000)));
}

TEST(StartWatch, nobody_at_all_is_stuck_as_well) {
  Watched watched(1);
  EXPECT_TRUE(watched.stuck_after({}, 0, seconds(100)));
}

}  // namespace
}  // namespace raven
