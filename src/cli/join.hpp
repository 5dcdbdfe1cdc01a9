#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "raven/job/job_spec.hpp"

namespace raven {

struct JoinOptions {
  std::filesystem::path run;
  int threads = 0;          ///< 0: as many as there are cores
  bool spawned = false;     ///< this process was started by a gateway
  int wait_s = 60;          ///< how long a run that has not begun is waited for
  int wait_again_s = 3600;  ///< how long one whose master has gone is waited for
  bool stay = false;        ///< a run that was stopped is waited for as well
};

/// Contributes to a run under way until it is over.
/// @return an ExitCode  @throws InputError
int join(const JoinOptions& options, Programs programs);

struct SpawnOptions {
  std::filesystem::path run;
  std::uint32_t count = 1;
  std::string host;  ///< empty: where there is room
};

/// Has a gateway of a run under way start contributors.
/// @return an ExitCode  @throws InputError
int spawn(const SpawnOptions& options);

}  // namespace raven
