#include "cli/join.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/door_file.hpp"
#include "cli/processes.hpp"
#include "raven/cli/app.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/gateway.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;

/// How long a gateway may have others to let in first.
constexpr std::chrono::seconds turn{30};
/// Between two looks at a run that lets nobody in.
constexpr std::chrono::milliseconds look_interval{100};
constexpr const char* server_variable = "OMPI_MCA_pmix_server_uri";

int threads_of(const JoinOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, allowed_cores() / launch_place().local_size);
}

int contribute_as_spawned(const JoinOptions& options) {
  MpiSession session(std::chrono::seconds(1));
  const std::unique_ptr<Transport> transport = make_spawned_transport();
  if (!transport) {
    throw InputError("no gateway started this process", "leave --spawned to gateways");
  }
  const std::string complaint = contribute(*transport, threads_of(options));
  if (!complaint.empty()) print_failure("a spawned contributor ends: " + complaint);
  return exit_done;
}

/// Whether the run in this folder has come to its end.
bool is_complete(const std::filesystem::path& run) {
  std::ifstream in(run / "summary.json");
  const auto summary = nlohmann::json::parse(in, nullptr, false);
  return summary.is_object() && summary.value("complete", false);
}

/// Calls `attempt` with the run's doors until it is true or `wait` is over.
/// @return false when the run is complete or this process was asked to stop
/// @throws InputError when the time is over
template <class Attempt>
bool at_doors(const std::filesystem::path& run, std::chrono::seconds wait, Attempt attempt) {
  const auto deadline = Clock::now() + wait;
  std::string failure = "the run lets nobody in: it has not begun, or it has no gateways";
  bool told = false;
  for (;;) {
    if (const std::optional<DoorFile> doors = read_door(run)) {
      if (attempt(*doors, failure)) return true;
    } else if (is_complete(run)) {
      return false;
    }
    if (asked_to_stop() != 0) return false;
    if (Clock::now() >= deadline) {
      throw InputError({run.string()}, failure,
                       "start it with 'raven train JOB --gateways 1' under 'mpirun -n 2'");
    }
    if (!told) print_failure(failure + "; waiting");
    told = true;
    std::this_thread::sleep_for(look_interval);
  }
}

/// MPI must know the run's ompi-server before it is initialised.
void set_mpi_server(const std::string& server) {
  if (server.empty()) {
    throw InputError("the run was started without ompi-server, so nobody can join it",
                     "use 'raven spawn', or start the run with an ompi-server (raven join --help)");
  }
  const char* given = std::getenv(server_variable);
  if (given != nullptr && *given != '\0') return;
  if (running_under_mpirun()) {
    throw InputError("this mpirun does not know the run's ompi-server",
                     "start it as 'mpirun -mca pmix_server_uri \"" + server + "\" ...'");
  }
  setenv(server_variable, server.c_str(), 1);
}

std::string name_of_node() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

/// Tries one door after the other.
std::unique_ptr<Transport> enter(const DoorFile& doors, std::string& failure) {
  for (const DoorFile::Gateway& gateway : doors.gateways) {
    Entrance entrance =
        enter_through({gateway.address, gateway.port, doors.token}, name_of_node(), turn);
    if (entrance.transport) return std::move(entrance.transport);
    failure = entrance.failure;
  }
  return nullptr;
}

int contribute_from_outside(const JoinOptions& options) {
  const std::chrono::seconds wait(options.wait_s);
  const bool is_open = at_doors(options.run, wait, [](const DoorFile& doors, std::string&) {
    set_mpi_server(doors.mpi_server);
    return true;
  });
  if (!is_open) {
    print("the run is complete; there is nothing to contribute\n");
    return exit_done;
  }
  MpiSession session(std::chrono::seconds(1));
  std::unique_ptr<Transport> transport;
  const bool is_in = at_doors(options.run, wait, [&](const DoorFile& doors, std::string& failure) {
    transport = enter(doors, failure);
    return transport != nullptr;
  });
  if (!is_in) return exit_done;
  const std::string complaint = contribute(*transport, threads_of(options));
  if (complaint.empty()) return exit_done;
  print_failure("this contributor ends: " + complaint);
  return exit_failure;
}

}  // namespace

int join(const JoinOptions& options) {
  listen_for_signals();
  return options.spawned ? contribute_as_spawned(options) : contribute_from_outside(options);
}

int spawn(const SpawnOptions& options) {
  const std::optional<DoorFile> doors = read_door(options.run);
  if (!doors) {
    throw InputError({options.run.string()},
                     "the run lets nobody in: it is over, or has no gateways",
                     "start it with 'raven train JOB --gateways 1' under 'mpirun -n 2'");
  }
  std::string failure;
  for (const DoorFile::Gateway& gateway : doors->gateways) {
    failure = order_spawn({gateway.address, gateway.port, doors->token},
                          {.count = options.count, .host = options.host}, turn);
    if (failure.empty()) return exit_done;
  }
  throw InputError({options.run.string()}, failure, "see its events.jsonl");
}

}  // namespace raven
