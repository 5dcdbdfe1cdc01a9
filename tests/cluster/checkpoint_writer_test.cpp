#include "raven/cluster/checkpoint_writer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "raven/core/error.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Checkpoint of_step(std::uint64_t step) {
  Checkpoint made;
  made.step = step;
  return made;
}

struct CheckpointWriterTest : ::testing::Test {
  fs::path folder = fs::path(::testing::TempDir()) /
                    ("writer_" + std::to_string(::getpid()) + "_" +
                     std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  std::atomic<bool> full = false;
  std::atomic<int> attempts = 0;
  void SetUp() override { fs::remove_all(folder); }
  void TearDown() override { fs::remove_all(folder); }

  [[nodiscard]] std::function<void()> disk() {
    return [this] {
      ++attempts;
      if (full) throw InputError("the disk is full", "make room");
    };
  }
  static void wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "what was waited for never came";
      std::this_thread::yield();
    }
  }
};

TEST_F(CheckpointWriterTest, what_a_full_disk_refuses_is_written_when_there_is_room) {
  CheckpointWriter writer(folder, 3, disk(), {.first = 1ms, .most = 4ms});
  full = true;
  writer.write(of_step(7));
  wait_until([&] { return writer.refusal().has_value(); });
  const auto since = writer.refusal()->since;
  EXPECT_EQ(writer.refusal()->reason, "the disk is full; make room");
  wait_until([&] { return attempts >= 5; });
  EXPECT_EQ(writer.refusal()->since, since) << "since the first attempt";
  EXPECT_FALSE(writer.wait(1ms));
  EXPECT_TRUE(writer.take_written().empty());
  EXPECT_FALSE(newest_checkpoint_step(folder));
  full = false;
  wait_until([&] { return writer.wait(100ms); });
  EXPECT_FALSE(writer.refusal());
  EXPECT_EQ(newest_checkpoint_step(folder), 7U);
  ASSERT_EQ(writer.take_written().size(), 1U);
}

TEST_F(CheckpointWriterTest, a_newer_one_takes_the_place_of_one_that_waits_for_room) {
  CheckpointWriter writer(folder, 3, disk(), {.first = 1ms, .most = 1ms});
  full = true;
  writer.write(of_step(1));
  wait_until([&] { return writer.refusal().has_value(); });
  writer.write(of_step(2));
  writer.write(of_step(3));
  full = false;
  wait_until([&] { return writer.wait(100ms); });
  EXPECT_EQ(newest_checkpoint_step(folder), 3U);
  EXPECT_EQ(newest_checkpoint(folder)->checkpoint.step, 3U);
}

TEST_F(CheckpointWriterTest, a_disk_that_refuses_does_not_hold_up_the_end) {
  full = true;
  {
    CheckpointWriter writer(folder, 3, disk(), {.first = 1h, .most = 1h});
    writer.write(of_step(1));
    wait_until([&] { return writer.refusal().has_value(); });
  }
  EXPECT_EQ(attempts, 1);
  full = false;
  {
    CheckpointWriter writer(folder, 3, disk());
    writer.write(of_step(2));
  }
  EXPECT_EQ(newest_checkpoint_step(folder), 2U) << "what is begun or waits is finished";
}

}  // namespace
}  // namespace raven
