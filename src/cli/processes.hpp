#pragma once

#include <optional>
#include <string>

namespace raven {

/// What this process may take of the machine's processors.
struct Cores {
  int online = 1;               ///< of the machine
  int allowed = 1;              ///< those that this process may run on
  std::optional<double> quota;  ///< of processor time, in cores; see cpu_quota()
  bool bound = false;           ///< a launcher gave this process cores of its own

  /// Threads that can run at a time.
  [[nodiscard]] int usable() const;
};
[[nodiscard]] Cores cores_here();

/// cores_here().usable(), for who computes alone.
[[nodiscard]] int usable_cores();

/// What there is to say of more threads than can run; empty when there is nothing.
[[nodiscard]] std::string threads_trouble(int threads, const Cores& cores);

/// Where this process stands among those that an MPI launcher started on this machine.
struct LaunchPlace {
  int rank = 0;
  int local_rank = 0;
  int local_size = 1;
};
[[nodiscard]] LaunchPlace launch_place();

/// Whether an MPI launcher started this process together with others, as far as the environment
/// tells. What one alone does needs no MPI, and a launcher's words may be left from another
/// program, which it started: a shell in a Slurm step has them.
[[nodiscard]] bool is_one_of_several();

/// How rank 0 and the others share the processors of a machine.
struct CoreShare {
  bool master_computes = true;
  int threads = 1;  ///< of this process
};
/// @param master_computes as the job says; unset: if there is a core to spare
/// @param threads as the job says; 0: share what there is
[[nodiscard]] CoreShare share_cores(const LaunchPlace& place, const Cores& cores,
                                    std::optional<bool> master_computes, int threads);

}  // namespace raven
