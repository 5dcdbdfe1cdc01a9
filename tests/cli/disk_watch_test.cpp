#include "cli/disk_watch.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using namespace std::chrono_literals;
using Refusal = CheckpointWriter::Refusal;
constexpr DiskWatch::Clock::time_point start{1000s};

struct DiskWatchTest : ::testing::Test {
  std::vector<std::string> done;
  DiskWatch watch{60s,
                  {.log = [this](const std::string& kind, const auto&) { done.push_back(kind); },
                   .warn = [this](const std::string& text) { said = text; },
                   .hold = [this](bool held) { done.emplace_back(held ? "hold" : "go on"); }}};
  std::string said;
};

TEST_F(DiskWatchTest, a_disk_that_takes_everything_is_not_talked_about) {
  for (int i = 0; i < 5; ++i) watch.look(std::nullopt, start + i * 1s);
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(said, "");
}

TEST_F(DiskWatchTest, training_goes_on_for_a_while_and_then_waits_until_there_is_room) {
  const Refusal full{"x.h5: No space left on device", start};
  watch.look(full, start);
  EXPECT_NE(said.find("No space left on device"), std::string::npos);
  EXPECT_NE(said.find("1:00 at most"), std::string::npos) << said;
  watch.look(full, start + 59s);
  EXPECT_EQ(done, std::vector<std::string>{"disk_refuses"});
  EXPECT_FALSE(watch.holds());
  watch.look(full, start + 60s);
  watch.look(full, start + 61s);
  EXPECT_EQ(done, (std::vector<std::string>{"disk_refuses", "hold", "held"}));
  EXPECT_TRUE(watch.holds());
  watch.look(std::nullopt, start + 90s);
  EXPECT_EQ(done, (std::vector<std::string>{"disk_refuses", "hold", "held", "go on",
                                            "disk_takes_again"}));
  EXPECT_NE(said.find("after 1:30"), std::string::npos) << said;
  EXPECT_EQ(watch.reason(), "");
}

TEST_F(DiskWatchTest, each_time_is_told_anew_and_a_short_one_holds_nothing) {
  for (int round = 0; round < 3; ++round) {
    const auto then = start + round * 100s;
    watch.look(Refusal{"full", then}, then + 1s);
    watch.look(std::nullopt, then + 2s);
  }
  EXPECT_EQ(done.size(), 6U);
  EXPECT_FALSE(watch.holds());
}

}  // namespace
}  // namespace raven
