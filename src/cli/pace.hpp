#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace raven {

/// How fast a count rises of late: over the last seconds, or, when it rises more seldom than that,
/// over the last two times that it rose. Always a finite number.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds window{10};

  /// @pre times do not go back. A count that goes back begins anew.
  void note(std::uint64_t count, Clock::time_point now);
  /// Per second; none until it rose twice, and once it has not risen for long. @param now not
  /// before the last note
  [[nodiscard]] std::optional<double> per_second(Clock::time_point now) const;

 private:
  struct Rise {
    Clock::time_point when;
    std::uint64_t count = 0;  ///< that it rose to
  };
  std::deque<Rise> rises_;  ///< the first note stands for one, too
};

}  // namespace raven
