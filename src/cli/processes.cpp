#include "cli/processes.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "cli/cpu_quota.hpp"
#include "raven/transport/mpi.hpp"

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

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

int online_cores() { return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))); }

int allowed_cores(int online) {
  // A set for 1024 processors is too small for some machines, and is then refused.
  for (int room = 1024; room <= (1 << 20); room *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(room), [](cpu_set_t* given) { CPU_FREE(given); });
    const std::size_t size = CPU_ALLOC_SIZE(room);
    if (set && sched_getaffinity(0, size, set.get()) == 0) {
      return std::max(1, CPU_COUNT_S(size, set.get()));
    }
  }
  return online;
}

/// Whole threads that a quota lets run: a part of a core is worth a thread of its own.
int threads_within(const std::optional<double>& quota) {
  if (!quota || *quota > 1e6) return std::numeric_limits<int>::max();
  return std::max(1, static_cast<int>(std::ceil(*quota - 1e-9)));
}

}  // namespace

int Cores::usable() const { return std::min(allowed, threads_within(quota)); }

Cores cores_here() {
  Cores cores;
  cores.online = online_cores();
  cores.allowed = allowed_cores(cores.online);
  cores.quota = cpu_quota();
  // Open MPI 4 says whether it bound its processes. Of others it is known by its effect.
  const bool says = is_set("OMPI_MCA_orte_launch");
  cores.bound = launch_place().local_size > 1 &&
                (says ? is_set("OMPI_MCA_orte_bound_at_launch") : cores.allowed < cores.online);
  return cores;
}

int usable_cores() { return cores_here().usable(); }

std::string threads_trouble(int threads, const Cores& cores) {
  if (threads <= cores.usable()) return {};
  std::string text = std::to_string(threads) + " threads are more than the " +
                     std::to_string(cores.usable()) + " that can run at a time here (";
  if (threads > threads_within(cores.quota)) {
    std::string quota = std::to_string(*cores.quota);
    quota.resize(quota.find('.') + 3);
    text += "a control group grants " + quota +
            " cores of processor time, and stops all threads when that is used up";
  } else {
    text += std::to_string(cores.allowed) + " of " + std::to_string(cores.online) +
            " cores may be used";
  }
  return text + "); leave the number of threads out, or ask for more cores";
}

LaunchPlace launch_place() {
  return {.rank = from_environment("OMPI_COMM_WORLD_RANK", 0),
          .local_rank = from_environment("OMPI_COMM_WORLD_LOCAL_RANK", 0),
          .local_size = std::max(1, from_environment("OMPI_COMM_WORLD_LOCAL_SIZE", 1))};
}

bool is_one_of_several() {
  if (!running_under_mpirun()) return false;
  constexpr int unknown = 0;
  for (const char* size : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const int count = from_environment(size, unknown); count != unknown) return count > 1;
  }
  return true;
}

CoreShare share_cores(const LaunchPlace& place, const Cores& cores,
                      std::optional<bool> master_computes, int threads) {
  // mpirun numbers ranks node by node, so only on the master's node are rank and local rank the
  // same.
  const bool beside_master = place.rank == place.local_rank;
  const int contributors = place.local_size - (beside_master ? 1 : 0);
  CoreShare share;
  const int granted = threads_within(cores.quota);
  // Cores that mpirun bound a process to are shared with nobody, the master included; a quota is
  // shared by all.
  const bool spare = cores.bound ? granted > contributors : cores.usable() > contributors;
  share.master_computes = master_computes.value_or(spare);
  const int computing =
      std::max(1, contributors + (beside_master && share.master_computes ? 1 : 0));
  const int fair =
      cores.bound ? std::min(cores.allowed, granted / computing) : cores.usable() / computing;
  share.threads = threads > 0 ? threads : std::max(1, fair);
  return share;
}

}  // namespace raven
