#include "cli/pace.hpp"

#include <algorithm>

namespace raven {
namespace {

/// A count that does not rise for this many times its longest pause of late has stopped.
constexpr int patience = 4;

double seconds(Pace::Clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Pace::note(std::uint64_t count, Clock::time_point now) {
  if (!rises_.empty() && count < rises_.back().count) rises_.clear();
  if (!rises_.empty() && count == rises_.back().count) return;
  rises_.push_back({now, count});
  // What lies between the first two is older than the window, and three are enough to measure by.
  while (rises_.size() > 3 && now - rises_[1].when >= window) rises_.pop_front();
}

std::optional<double> Pace::per_second(Clock::time_point now) const {
  if (rises_.size() < 2) return std::nullopt;
  Clock::duration longest{};
  for (std::size_t i = 1; i < rises_.size(); ++i) {
    longest = std::max(longest, rises_[i].when - rises_[i - 1].when);
  }
  const Clock::duration pause = now - rises_.back().when;
  if (pause > std::max<Clock::duration>(patience * longest, window)) return std::nullopt;
  // A pause that is longer than usual counts as it lasts.
  const Clock::time_point end = pause > longest ? now : rises_.back().when;
  const double taken = seconds(end - rises_.front().when);
  if (taken <= 0) return std::nullopt;
  return static_cast<double>(rises_.back().count - rises_.front().count) / taken;
}

}  // namespace raven
