#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "raven/job/job_spec.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// How far training is, for who measures it.
struct TrainPulse {
  std::uint64_t step = 0;
  std::uint64_t rows = 0;  ///< samples trained on by this process
  int contributors = 0;
  double wall_seconds = 0;
  double master_cpu_seconds = 0;  ///< of the thread that runs the master
  Traffic traffic;
};

struct TrainOptions {
  std::string job;
  std::filesystem::path run;  ///< empty: runs/<name of the job>
  std::vector<std::string> overrides;
  bool fresh = false;
  bool quiet = false;
  int threads = 0;  ///< overrules the job when above 0
  /// Where the master leaves its ExitCode for whoever launched it; empty: nowhere. An mpirun that
  /// survives deaths ends with 0 whatever became of the master.
  std::filesystem::path result_file{};
  int others = 0;    ///< contributors on this machine that come by themselves
  int gateways = 0;  ///< ranks 1 to so many let newcomers in and compute nothing
  /// Called after each step on the master's thread; false asks for a stop. Empty: nobody looks.
  std::function<bool(const TrainPulse&)> watch{};
};

/// Trains a job: as the master, or as a contributor when an MPI launcher made this process one of
/// its higher ranks.
/// @param programs that the job may name
/// @return an ExitCode  @throws InputError
int train(const TrainOptions& options, Programs programs = {});

}  // namespace raven
