#include "cli/run_lock.hpp"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <future>
#include <memory>
#include <set>
#include <sstream>

#include "raven/core/error.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class RunLockTest : public testing::Test {
 protected:
  RunLockTest() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~RunLockTest() override { fs::remove_all(folder); }

  /// A file system that answers every flock with an error, seen by a process of a host.
  LockSystem without_flock(const std::string& host, long pid, int error = ENOLCK) {
    return {.flock =
                [error](int, int) {
                  errno = error;
                  return -1;
                },
            .self = {.host = host, .boot = host, .pid = pid, .start = 1},
            .is_alive = [this](const ProcessIdentity& who) { return !dead.contains(who.pid); },
            .settle = milliseconds(50),
            .beat = milliseconds(5),
            .stale = milliseconds(400)};
  }
  std::string refusal(const LockSystem& system) {
    try {
      const RunLock lock(folder, system);
      return {};
    } catch (const InputError& error) {
      return error.what();
    }
  }
  [[nodiscard]] std::string holder() const {
    std::ostringstream text;
    text << std::ifstream(folder / ".lock.holder").rdbuf();
    return text.str();
  }
  /// What a process that was killed leaves.
  void leave_holder(const std::string& host, long pid) {
    std::ofstream(folder / ".lock.holder")
        << R"({"host":")" << host << R"(","boot":")" << host << R"(","pid":)" << pid
        << R"(,"start":1,"unique":"x"})" << '\n';
  }

  fs::path folder = fs::path(testing::TempDir()) / ("lock_" + std::to_string(::getpid()));
  std::set<long> dead;
};

TEST_F(RunLockTest, one_at_a_time_by_flock) {
  {
    const RunLock first(folder);
    EXPECT_TRUE(first.remark().empty());
    EXPECT_TRUE(is_held(folder));
    EXPECT_NE(refusal(real_lock_system()).find("another master is at work"), std::string::npos);
  }
  EXPECT_FALSE(is_held(folder));
  EXPECT_EQ(refusal(real_lock_system()), "");
  EXPECT_FALSE(fs::exists(folder / ".lock.holder"));
}

TEST_F(RunLockTest, where_flock_is_missing_a_file_keeps_the_run_and_the_cause_is_told) {
  for (const int error : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
    {
      const RunLock first(folder, without_flock("n1", 10, error));
      EXPECT_NE(first.remark().find(std::strerror(error)), std::string::npos) << first.remark();
      EXPECT_TRUE(is_held(folder, without_flock("n1", 11, error)));
      const std::string told = refusal(without_flock("n1", 11, error));
      EXPECT_NE(told.find("another master is at work"), std::string::npos) << told;
      EXPECT_NE(told.find("process 10 on n1"), std::string::npos) << told;
    }
    EXPECT_FALSE(is_held(folder, without_flock("n1", 11, error)));
    EXPECT_EQ(holder(), "");
  }
}

TEST_F(RunLockTest, an_error_that_says_nothing_about_locks_is_told_as_it_is) {
  const std::string told = refusal(without_flock("n1", 10, EIO));
  EXPECT_NE(told.find(std::strerror(EIO)), std::string::npos) << told;
  EXPECT_EQ(told.find("another master"), std::string::npos);
}

TEST_F(RunLockTest, a_dead_process_of_this_host_holds_nothing) {
  leave_holder("n1", 10);
  dead.insert(10);
  const RunLock lock(folder, without_flock("n1", 11));
  EXPECT_NE(holder().find(R"("pid":11)"), std::string::npos) << holder();
}

TEST_F(RunLockTest, a_silent_master_on_another_host_is_dead_after_a_while) {
  leave_holder("n2", 10);
  LockSystem system = without_flock("n1", 11);
  std::string told;
  system.tell = [&](const std::string& text) { told = text; };
  const RunLock lock(folder, system);
  EXPECT_NE(told.find("process 10 on n2"), std::string::npos) << told;
  EXPECT_NE(holder().find(R"("pid":11)"), std::string::npos);
}

TEST_F(RunLockTest, a_living_master_on_another_host_keeps_its_run) {
  const RunLock first(folder, without_flock("n2", 10));
  const std::string told = refusal(without_flock("n1", 11));
  EXPECT_NE(told.find("process 10 on n2"), std::string::npos) << told;
  EXPECT_FALSE(first.lost());
}

TEST_F(RunLockTest, who_was_paused_too_long_learns_that_the_run_is_another_s) {
  const RunLock paused(folder, without_flock("n1", 10));
  dead.insert(10);  // so it looks from outside
  {
    const RunLock second(folder, without_flock("n1", 11));
    while (!paused.lost()) std::this_thread::yield();
    EXPECT_FALSE(second.lost());
  }
}

TEST_F(RunLockTest, of_many_that_find_a_dead_one_s_file_one_gets_the_run) {
  leave_holder("n1", 1);
  dead.insert(1);
  std::vector<std::future<std::unique_ptr<RunLock>>> tries;
  for (long pid = 10; pid < 18; ++pid) {
    tries.push_back(std::async(std::launch::async, [this, pid]() -> std::unique_ptr<RunLock> {
      try {
        return std::make_unique<RunLock>(folder, without_flock("n1", pid));
      } catch (const InputError&) {
        return nullptr;
      }
    }));
  }
  std::vector<std::unique_ptr<RunLock>> locks;
  for (auto& one : tries) {
    if (auto lock = one.get()) locks.push_back(std::move(lock));
  }
  std::erase_if(locks, [](const auto& lock) { return lock->lost(); });
  EXPECT_EQ(locks.size(), 1U);
}

TEST_F(RunLockTest, links_and_fifos_are_no_locks) {
  fs::create_symlink("elsewhere", folder / ".lock");
  EXPECT_NE(refusal(real_lock_system()).find("no plain file"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder / "elsewhere"));
  fs::remove(folder / ".lock");
  ASSERT_EQ(::mkfifo((folder / ".lock").c_str(), 0600), 0);
  EXPECT_NE(refusal(real_lock_system()).find("no plain file"), std::string::npos);
}

}  // namespace
}  // namespace raven
