#pragma once

#include <chrono>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "raven/cluster/roster.hpp"
#include "raven/core/random.hpp"
#include "raven/snippet/executor.hpp"

namespace raven::simulated {

using Duration = Instant::duration;

[[nodiscard]] constexpr Duration seconds(double count) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count));
}

/// What is to happen, by time and, within an instant, in the order in which it was planned.
class Agenda {
 public:
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t done() const { return done_; }

  void at(Instant when, std::function<void()> what) {
    entries_.push({std::max(when, now_), next_++, std::move(what)});
  }
  void after(Duration time, std::function<void()> what) { at(now_ + time, std::move(what)); }
  /// Lets the next thing happen. @return false when there is nothing left
  bool advance() {
    if (entries_.empty()) return false;
    // The top of a priority queue is const, but it goes right now.
    Entry entry = std::move(const_cast<Entry&>(entries_.top()));
    entries_.pop();
    now_ = entry.when;
    ++done_;
    entry.what();
    return true;
  }

 private:
  struct Entry {
    Instant when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Entry& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  // Not at the clock's zero: a master takes that for "never".
  Instant now_{std::chrono::seconds(1000)};
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::priority_queue<Entry> entries_;
};

/// What everybody in a simulated world shares: time, chance, and somebody who takes notes.
struct World {
  explicit World(std::uint64_t seed, Executor& executor_in)
      : random({.seed = seed, .op = 0x51u}), executor(executor_in) {}

  Agenda agenda;
  RandomStream random;  ///< the only one: draws are made in the order of events
  Executor& executor;
  std::function<void(std::string_view)> trace;

  /// Notes what `text()` says, if anybody listens.
  template <class Text>
  void note(Text text) {
    if (trace) write(text());
  }
  void write(const std::string& text);

  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(random.uniform()) < probability;
  }
  /// Between the two, small ones as likely as large ones on a logarithmic scale.
  [[nodiscard]] double between(double low, double high);
  [[nodiscard]] Duration time_between(double low, double high) {
    return seconds(between(low, high));
  }
};

/// What a message says, for a person; "garbage" if it says nothing.
[[nodiscard]] std::string in_words(const Message& message);

}  // namespace raven::simulated
