#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "raven/job/build.hpp"
#include "raven/simulate/faults.hpp"

namespace raven {

/// One simulated run.
struct SimulationPlan {
  std::uint64_t seed = 1;
  FaultSet faults;
  int contributors = 4;  ///< places that are filled again when whoever had one is gone
  /// Gets the trace line by line, without line ends. Empty: no trace, which is faster.
  std::function<void(std::string_view line)> trace{};
};

struct SimulationResult {
  /// What differs from the undisturbed run, or what else went wrong; empty when nothing did.
  std::string difference;
  Digest weights;
  double virtual_seconds = 0;
  std::uint64_t events = 0;   ///< of the simulated world
  std::uint64_t faults = 0;   ///< that took place
  std::uint64_t masters = 0;  ///< processes, one after the other
  std::uint64_t contributors = 0;
  std::vector<EpochResult> history;

  [[nodiscard]] bool same() const { return difference.empty(); }
};

/// Trains a job in simulated worlds. Master and contributors are the real state machines, gradients
/// are really computed and checkpoints really written; time, network, processes and the disk's
/// troubles are made up from a seed. One thread and no clock: a seed replays to the same trace.
/// docs/adr/0007-simulator.md tells how, and what it can't show.
///
/// While run() is at work no other thread of the process may write files: a full disk is simulated
/// with the process's limit on file sizes.
class Simulator {
 public:
  /// Trains once undisturbed, with one contributor: the run that all others are compared with.
  /// @param training its setup and parameters are taken over
  /// @param scratch a folder for checkpoints, made and emptied as needed; best in memory
  /// @throws InputError when that run fails
  Simulator(Training training, std::filesystem::path scratch);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  [[nodiscard]] SimulationResult run(const SimulationPlan& plan);
  [[nodiscard]] const SimulationResult& undisturbed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace raven
