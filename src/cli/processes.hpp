#pragma once

#include <optional>

namespace raven {

/// Processors that this process may run on.
[[nodiscard]] int allowed_cores();
/// Processors of this machine that are switched on.
[[nodiscard]] int online_cores();

/// Where this process stands among those that an MPI launcher started on this machine.
struct LaunchPlace {
  int rank = 0;
  int local_rank = 0;
  int local_size = 1;
};
[[nodiscard]] LaunchPlace launch_place();

/// How rank 0 and the others share the processors of a machine.
struct CoreShare {
  bool master_computes = true;
  int threads = 1;  ///< of this process
};
/// @param master_computes as the job says; unset: if there is a core to spare
/// @param threads as the job says; 0: share what there is
[[nodiscard]] CoreShare share_cores(const LaunchPlace& place, int allowed, int online,
                                    std::optional<bool> master_computes, int threads);

}  // namespace raven
