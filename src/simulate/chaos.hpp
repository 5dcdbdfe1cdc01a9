#pragma once

#include <vector>

#include "raven/simulate/faults.hpp"
#include "simulate/world.hpp"

namespace raven::simulated {

class Run;

/// Plans the faults of a run and lets them happen.
class Chaos {
 public:
  /// @param usual how long an undisturbed run takes
  Chaos(Run& run, FaultSet kinds, Duration usual);

  void plan();
  /// When the last fault has begun.
  [[nodiscard]] Instant last() const { return last_; }
  /// Faults that found something to happen to.
  [[nodiscard]] std::uint64_t done() const { return done_; }

 private:
  void happen(FaultKind kind, int attempts);
  /// @return false when there was nobody for it to happen to
  bool strike(FaultKind kind);
  bool strike_contributor(FaultKind kind);
  bool strike_master(FaultKind kind);
  void storm();
  void partition();

  Run& run_;
  World& world_;
  std::vector<FaultKind> kinds_;
  Duration usual_;
  Instant last_;
  std::uint64_t done_ = 0;
};

}  // namespace raven::simulated
