#pragma once

#include <filesystem>

namespace raven {

struct JoinOptions {
  std::filesystem::path run;
  int threads = 0;       ///< 0: as many as there are cores
  bool spawned = false;  ///< this process was started by a gateway
};

/// Contributes to a run under way until it is over.
/// @return an ExitCode  @throws InputError
int join(const JoinOptions& options);

}  // namespace raven
