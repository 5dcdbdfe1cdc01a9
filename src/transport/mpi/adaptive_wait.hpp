#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace raven {

/// Waits between two looks at MPI: a short spin while something is happening, then sleeps that
/// grow.
///
/// A master that only spins takes up to half of the computing power of its neighbours; one that
/// only sleeps adds 100 us to every answer. Threads: one waits, any may wake() it.
class AdaptiveWait {
 public:
  using Clock = std::chrono::steady_clock;

  /// Something happened: look often for a while.
  void saw_activity(Clock::time_point now);
  /// Waits a little, never past `deadline`. @param moving_bytes of transfers under way, which only
  /// go on while somebody looks
  void pause(Clock::time_point now, Clock::time_point deadline, std::size_t moving_bytes);
  /// Ends a pause, or the next one, and makes take_wake() true once.
  void wake();
  [[nodiscard]] bool take_wake();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  Clock::time_point last_activity_{};
  std::chrono::nanoseconds sleep_{};
};

}  // namespace raven
