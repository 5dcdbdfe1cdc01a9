#include "cli/start_watch.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace raven {
namespace {

using std::chrono::nanoseconds;

/// How long ranks that are all there may take to find each other; then something is stuck for good.
constexpr nanoseconds beginning = std::chrono::seconds(60);
/// How long the next one may be missing: an mpirun starts all of its ranks at once.
constexpr nanoseconds absence = std::chrono::seconds(5);
/// How long one that was there may be gone. Who ends by rights does so after the beginning, and the
/// sign of that may be seen a moment later.
constexpr nanoseconds loss = std::chrono::seconds(1);

/// The time that a process has waited for a processor: the second number of its schedstat. None
/// where the system keeps no such account.
std::optional<nanoseconds> waited_by(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/schedstat");
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  if (!(in >> ran >> waited)) return std::nullopt;
  return nanoseconds(waited);
}

}  // namespace

StartWatch::Verdict StartWatch::look(const StartLook& look) {
  begun_ = begun_ || look.begun;
  if (begun_) return Verdict::begun;
  const nanoseconds passed = last_time_.count() < 0 ? nanoseconds(0) : look.time - last_time_;
  last_time_ = look.time;
  const double counts = 1 - std::clamp(look.starved, 0.0, 1.0);
  quiet_ += nanoseconds(static_cast<std::int64_t>(static_cast<double>(passed.count()) * counts));
  for (const pid_t rank : look.ranks) {
    if (seen_.insert(rank).second) quiet_ = nanoseconds(0);
  }
  const bool one_is_gone = std::ranges::any_of(
      seen_, [&](pid_t rank) { return std::ranges::find(look.ranks, rank) == look.ranks.end(); });
  if (!one_is_gone) missing_since_.reset();
  if (one_is_gone && !missing_since_) missing_since_ = look.time;
  if (missing_since_ && look.time - *missing_since_ > loss) return Verdict::stuck;
  const bool next_is_missing = !seen_.empty() && seen_.size() < ranks_;
  return quiet_ > (next_is_missing ? absence : beginning) ? Verdict::stuck : Verdict::starting;
}

double Starvation::of(const std::vector<pid_t>& processes, nanoseconds time) {
  const nanoseconds passed = last_time_.count() < 0 ? nanoseconds(0) : time - last_time_;
  last_time_ = time;
  std::map<pid_t, nanoseconds> now;
  nanoseconds most{0};
  for (const pid_t pid : processes) {
    const auto waited = waited_by(pid);
    if (!waited) continue;
    now[pid] = *waited;
    const auto before = waited_.find(pid);
    // A new one has been there for a part of the time only; what it waited, it waited in that.
    most = std::max(most, before == waited_.end() ? *waited : *waited - before->second);
  }
  waited_ = std::move(now);
  if (passed.count() <= 0) return 0;
  return std::clamp(static_cast<double>(most.count()) / static_cast<double>(passed.count()), 0.0,
                    1.0);
}

}  // namespace raven
