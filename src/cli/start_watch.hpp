#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace raven {

/// A look at processes that an mpirun is starting.
struct StartLook {
  std::chrono::nanoseconds time{};  ///< since any moment, the same one for all looks
  std::vector<pid_t> ranks;         ///< that are there
  /// Part of the time since the last look, 0 to 1, in which one of the processes wanted a processor
  /// and got none: of the one that waited most.
  double starved = 0;
  bool begun = false;  ///< all have found each other
};

/// Tells a slow start from a stuck one. When a rank dies before all have found each other, the
/// others wait for it for ever.
///
/// Time counts only as far as the processes had a processor or wanted none: forty of them on two
/// cores, or three with a tenth of one, take as long as they take. Every new rank shows that things
/// move on.
class StartWatch {
 public:
  enum class Verdict : std::uint8_t { starting, begun, stuck };

  explicit StartWatch(std::size_t ranks) : ranks_(ranks) {}

  [[nodiscard]] Verdict look(const StartLook& look);
  /// Whether any rank has been there.
  [[nodiscard]] bool saw_ranks() const { return !seen_.empty(); }

 private:
  std::size_t ranks_;
  std::set<pid_t> seen_;
  std::chrono::nanoseconds last_time_{-1};
  std::chrono::nanoseconds quiet_{0};  ///< time that counts since the last progress
  std::optional<std::chrono::nanoseconds> missing_since_;
  bool begun_ = false;
};

/// How long processes waited for a processor, for StartLook::starved.
class Starvation {
 public:
  /// @return the share of the one that waited most since the last call
  [[nodiscard]] double of(const std::vector<pid_t>& processes, std::chrono::nanoseconds time);

 private:
  std::map<pid_t, std::chrono::nanoseconds> waited_;
  std::chrono::nanoseconds last_time_{-1};
};

}  // namespace raven
