#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace raven {

/// One thing that was looked at.
struct Finding {
  enum class Verdict : std::uint8_t { good, doubtful, bad };
  Verdict verdict = Verdict::good;
  std::string what;   ///< "disk"
  std::string found;  ///< "12.1 GiB free, 3 ms to write 1 MiB for good"
  std::string mend;   ///< what to do; empty when good
};

/// Looks whether this machine can train, and whether a death would be outlived: in less than 5 s.
/// @param run a folder where runs are to be kept; made if missing
[[nodiscard]] std::vector<Finding> examine(const std::filesystem::path& run);

/// The other half of examine()'s experiment with mpirun: a rank that dies, and others that watch
/// and write that they live into `folder`. @return an ExitCode
int die_or_watch(const std::filesystem::path& folder);

}  // namespace raven
