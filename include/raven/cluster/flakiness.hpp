#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "raven/cluster/roster.hpp"

namespace raven {

/// Who keeps dying: a pure decision, told what happens and when.
///
/// Deaths are held against a node, since the process that comes next is another one. What is held
/// against it halves every minute. From the third on, newcomers from there rest before they are
/// given work, twice as long each time; at `bar_after` they are sent away. Neither when nobody else
/// is there: a contributor that may die is better than none. A process that comes back had not
/// died, only its way to the master had.
class Flakiness {
 public:
  static constexpr std::chrono::seconds half_life{60};
  static constexpr double free_deaths = 2.5;
  static constexpr std::chrono::milliseconds first_rest{500};
  static constexpr std::chrono::milliseconds longest_rest{30000};
  static constexpr std::size_t most_nodes = 4096;  ///< remembered

  explicit Flakiness(int bar_after) : bar_after_(bar_after) {}

  void died(const std::string& node, std::uint64_t pid, Instant now);
  /// @return whether this very process had been taken for dead
  bool came_back(const std::string& node, std::uint64_t pid, Instant now);

  [[nodiscard]] bool is_barred(const std::string& node, Instant now) const;
  /// How long a newcomer from there waits for work.
  [[nodiscard]] std::chrono::milliseconds rest(const std::string& node, Instant now) const;

 private:
  struct Record {
    double deaths = 0;
    Instant at{};
    std::map<std::uint64_t, Instant> processes = {};  ///< taken for dead within a half-life
  };
  [[nodiscard]] double deaths(const std::string& node, Instant now) const;
  static double faded(const Record& record, Instant now);

  int bar_after_;
  std::map<std::string, Record> nodes_;
};

}  // namespace raven
