#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "raven/job/job_spec.hpp"

namespace raven {

struct LaunchOptions {
  std::string job;
  std::filesystem::path run;       ///< empty: runs/<name of the job>
  std::vector<std::string> train;  ///< further words for `raven train`
  int contributors = -1;           ///< besides the master; -1: none here, one on each other node
  int gateways = 1;
  int threads = 0;                  ///< of each process; 0: share the cores
  int restarts = 5;                 ///< of a master that crashes again before its next checkpoint
  std::filesystem::path hostfile;   ///< empty: as Slurm says, else this machine alone
  std::string agent;                ///< how to run a command on another node; empty: srun or ssh
  std::vector<std::string> mpirun;  ///< further words for mpirun
};

/// Where a run's processes go.
struct LaunchPlan {
  struct Node {
    std::string name;
    int contributors = 0;
  };
  int beside_master = 0;    ///< contributors in the master's own mpirun
  std::vector<Node> nodes;  ///< the others; each has an mpirun of its own that joins
};

/// Names in a hostfile: the first word of each line, without what follows a '#'.
/// @throws InputError when it can't be read, or names nobody
[[nodiscard]] std::vector<std::string> hosts_in(const std::filesystem::path& hostfile);

/// Deals contributors out: one to each node in turn, the master's own last, because there the
/// master's spare cores contribute anyway.
/// @param nodes the master's first; empty: this machine alone  @param contributors -1: as
/// LaunchOptions says
[[nodiscard]] LaunchPlan plan_launch(const std::vector<std::string>& nodes, int contributors);

/// The file that tells a launcher that all ranks of its mpirun have found each other, beside the
/// one for the result.
[[nodiscard]] std::filesystem::path sign_of_beginning(const std::filesystem::path& result_file);

/// Trains a job with whatever that takes: starts ompi-server and mpirun, the master again when it
/// crashes, and leaves nothing running.
/// @return the master's own ExitCode  @throws InputError
int launch(const LaunchOptions& options, Programs programs);

}  // namespace raven
