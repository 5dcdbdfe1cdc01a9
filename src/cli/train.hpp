#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace raven {

struct TrainOptions {
  std::string job;
  std::filesystem::path run;  ///< empty: runs/<name of the job>
  std::vector<std::string> overrides;
  bool fresh = false;
  bool quiet = false;
  int threads = 0;  ///< overrules the job when above 0
};

/// Trains a job: as the master, or as a contributor when an MPI launcher made this process one of
/// its higher ranks.
/// @return an ExitCode  @throws InputError
int train(const TrainOptions& options);

}  // namespace raven
