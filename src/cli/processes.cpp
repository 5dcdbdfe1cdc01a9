#include "cli/processes.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace raven {
namespace {

int from_environment(const char* name, int fallback) {
  const char* text = std::getenv(name);
  if (text == nullptr) return fallback;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return end != text && *end == '\0' && value >= 0 && value < 1'000'000 ? static_cast<int>(value)
                                                                        : fallback;
}

}  // namespace

int allowed_cores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return online_cores();
  return std::max(1, CPU_COUNT(&cores));
}

int online_cores() { return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))); }

LaunchPlace launch_place() {
  return {.rank = from_environment("OMPI_COMM_WORLD_RANK", 0),
          .local_rank = from_environment("OMPI_COMM_WORLD_LOCAL_RANK", 0),
          .local_size = std::max(1, from_environment("OMPI_COMM_WORLD_LOCAL_SIZE", 1))};
}

CoreShare share_cores(const LaunchPlace& place, int allowed, int online,
                      std::optional<bool> master_computes, int threads) {
  // mpirun numbers ranks node by node, so only on the master's node are rank and local rank the
  // same.
  const bool beside_master = place.rank == place.local_rank;
  const int contributors = place.local_size - (beside_master ? 1 : 0);
  CoreShare share;
  // A process that mpirun bound to cores of its own shares them with nobody, the master included.
  const bool bound = allowed < online && place.local_size > 1;
  const bool spare = bound || allowed > contributors;
  share.master_computes = master_computes.value_or(spare);
  const int computing = contributors + (beside_master && share.master_computes ? 1 : 0);
  share.threads = threads > 0 ? threads
                  : bound     ? allowed
                              : std::max(1, allowed / std::max(1, computing));
  return share;
}

}  // namespace raven
