#include "cli/join.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cli/begin_anew.hpp"
#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/door_file.hpp"
#include "cli/mpi_parameters.hpp"
#include "cli/processes.hpp"
#include "cli/way_in.hpp"
#include "raven/cli/app.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/gateway.hpp"

namespace raven {
namespace {

constexpr std::chrono::seconds turn{30};  ///< as long as a gateway may have others to let in first
constexpr const char* server_variable = "OMPI_MCA_pmix_server_uri";

int threads_of(const JoinOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, allowed_cores() / launch_place().local_size);
}

WayIn::Patience patience_of(const JoinOptions& options) {
  return {.first = std::chrono::seconds(options.wait_s),
          .again = std::chrono::seconds(options.wait_again_s),
          .stays = options.stay};
}

int report(const ContributorEnd& end) {
  if (end.why.empty()) return exit_done;
  print_failure("this contributor ends: " + end.why);
  return end.kind == ContributorEnd::Kind::left ? exit_done : exit_failure;
}

int contribute_as_spawned(const JoinOptions& options, Programs programs) {
  MpiSession session(std::chrono::seconds(1));
  std::unique_ptr<Transport> transport = make_spawned_transport();
  if (!transport) {
    throw InputError("no gateway started this process", "leave --spawned to gateways");
  }
  WayIn way(options.run, patience_of(options), mpi_server_of_environment());
  Workplace workplace(threads_of(options), programs);
  return report(way.contribute(workplace, std::move(transport)));
}

/// MPI must know the run's ompi-server, and how to speak, before it is initialised.
void prepare_mpi(const std::string& server) {
  if (server.empty()) {
    throw InputError("the run was started without ompi-server, so nobody can join it",
                     "use 'raven spawn', or start the run with 'raven launch'");
  }
  if (running_under_mpirun()) {
    if (!mpi_server_of_environment().empty()) return;
    throw InputError("this mpirun does not know the run's ompi-server",
                     "start it as 'mpirun -mca pmix_server_uri \"" + server + "\" ...'");
  }
  setenv(server_variable, server.c_str(), 1);
  for (const auto& [name, value] : mpi_parameters) {
    setenv((std::string("OMPI_MCA_") + name).c_str(), value, 0);
  }
  // The daemon that MPI starts beside a process without mpirun would look for graphics cards.
  setenv("HWLOC_COMPONENTS", "-gl,-opencl", 0);
}

int contribute_from_outside(const JoinOptions& options, Programs programs) {
  const Beginning beginning;
  const WayIn::Patience patience = patience_of(options);
  const std::optional<DoorFile> doors = WayIn::wait_for_doors(options.run, patience.first);
  if (!doors) {
    if (asked_to_stop() == 0) print("the run is complete; there is nothing to contribute\n");
    return exit_done;
  }
  prepare_mpi(doors->mpi_server);
  const bool alone = !running_under_mpirun();
  MpiSession session(std::chrono::seconds(1));
  // Under an mpirun a new process would be nobody's; the one who started it can do so again.
  WayIn way(options.run, patience, mpi_server_of_environment(), [&] {
    if (alone) beginning.begin_anew();
  });
  Workplace workplace(threads_of(options), programs);
  const ContributorEnd end = way.contribute(workplace, nullptr);
  if (way.needs_new_process() && alone) beginning.begin_anew();
  return report(end);
}

}  // namespace

int join(const JoinOptions& options, Programs programs) {
  listen_for_signals();
  return options.spawned ? contribute_as_spawned(options, programs)
                         : contribute_from_outside(options, programs);
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
