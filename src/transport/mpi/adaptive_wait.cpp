#include "transport/mpi/adaptive_wait.hpp"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace raven {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds bare_spin = microseconds(10);  // then let others of this core run in between
constexpr nanoseconds spin = microseconds(50);
constexpr nanoseconds longest_spin = std::chrono::milliseconds(20);
constexpr nanoseconds shortest_sleep = microseconds(50);
constexpr nanoseconds longest_sleep = microseconds(200);
constexpr nanoseconds longest_idle_sleep = microseconds(500);
constexpr nanoseconds idle_after = std::chrono::milliseconds(100);
constexpr std::size_t bytes_per_nanosecond =
    4;  // of a fast transfer, to judge how long it is worth spinning

}  // namespace

void AdaptiveWait::saw_activity(Clock::time_point now) {
  last_activity_ = now;
  sleep_ = shortest_sleep;
}

void AdaptiveWait::pause(Clock::time_point now, Clock::time_point deadline,
                         std::size_t moving_bytes) {
  const nanoseconds quiet = now - last_activity_;
  const nanoseconds transfer{static_cast<nanoseconds::rep>(moving_bytes / bytes_per_nanosecond)};
  if (quiet < std::min(spin + transfer, longest_spin)) {
    if (quiet > bare_spin) ::sched_yield();
    return;
  }
  sleep_ = std::max(sleep_, shortest_sleep);
  {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, std::min(deadline, now + sleep_), [this] { return woken_; });
  }
  const nanoseconds limit = quiet < idle_after ? longest_sleep : longest_idle_sleep;
  if (moving_bytes == 0) sleep_ = std::min(sleep_ * 5 / 4, limit);
}

void AdaptiveWait::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

bool AdaptiveWait::take_wake() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(woken_, false);
}

}  // namespace raven
