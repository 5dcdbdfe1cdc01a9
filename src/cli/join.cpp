#include "cli/join.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cli/begin_anew.hpp"
#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/door_file.hpp"
#include "cli/launchers.hpp"
#include "cli/mpi_parameters.hpp"
#include "cli/processes.hpp"
#include "cli/way_in.hpp"
#include "raven/cli/app.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/gateway.hpp"

namespace raven {
namespace {

constexpr std::chrono::seconds turn{30};  ///< as long as a gateway may have others to let in first

int threads_of(const JoinOptions& options) {
  const Cores cores = cores_here();
  LaunchPlace place = launch_place();
  // All of them compute: none is the master.
  place.rank = place.local_rank + 1;
  const int threads = share_cores(place, cores, std::nullopt, options.threads).threads;
  if (const std::string trouble = threads_trouble(threads, cores); !trouble.empty()) {
    print_failure(trouble);
  }
  return threads;
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
  Workplace workplace(threads_of(options), programs, print_failure);
  return report(way.contribute(workplace, std::move(transport)));
}

/// Before MPI is initialised.
void set_parameter(const std::string& name, const std::string& value) {
  ::setenv(("OMPI_MCA_" + name).c_str(), value.c_str(), 1);
}

std::string parameter(const std::string& name) {
  const char* value = std::getenv(("OMPI_MCA_" + name).c_str());
  return value == nullptr ? "" : value;
}

/// Whether Open MPI's list of modules ("self,tcp", "^openib") lets one be used.
bool lets(const std::string& list, const std::string& module) {
  const bool excludes = list.starts_with('^');
  const std::string words = "," + (excludes ? list.substr(1) : list) + ",";
  return (words.find("," + module + ",") != std::string::npos) != excludes;
}

/// Sites set parameters for MPI programs of their own (OMPI_MCA_pml=ucx). Who joins must speak as
/// the run does, and between two mpiruns there is nothing but TCP.
void speak_as_the_run_does() {
  for (const auto& [name, value] : mpi_parameters) {
    const std::string here = parameter(name);
    const bool fits =
        std::string_view(name) == "btl" ? lets(here, "tcp") && lets(here, "self") : here == value;
    if (!here.empty() && fits) continue;
    if (!here.empty()) {
      print_failure("OMPI_MCA_" + std::string(name) + "=" + here +
                    " would keep this contributor out; it uses " + value + ", as runs do");
    }
    set_parameter(name, value);
  }
}

/// Two machines may have the same address on some interface (docker0 has 172.17.0.1 on each), and
/// MPI would call itself there. Only the network that led to a gateway is used.
void keep_to_network_of(const DoorFile& doors) {
  for (const char* module : {"btl_tcp_if_", "oob_tcp_if_"}) {
    for (const char* kind : {"include", "exclude"}) {
      if (!parameter(std::string(module) + kind).empty()) return;
    }
  }
  for (const DoorFile::Gateway& gateway : doors.gateways) {
    const std::string network =
        network_towards({gateway.address, gateway.port, doors.token}, std::chrono::seconds(3));
    if (network.empty()) continue;
    set_parameter("btl_tcp_if_include", network);
    set_parameter("oob_tcp_if_include", network);
    return;
  }
}

/// Makes this process ready for MPI: as a rank of the mpirun that started it, if that was told of
/// the run's ompi-server, else alone. MPI must know the server, and how to speak, before it is
/// initialised. @return whether alone
bool prepare_mpi(const DoorFile& doors) {
  if (doors.mpi_server.empty()) {
    throw InputError("the run was started without ompi-server, so nobody can join it",
                     "use 'raven spawn', or start the run with 'raven launch'");
  }
  speak_as_the_run_does();
  keep_to_network_of(doors);
  const bool in_mpirun = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr;
  if (in_mpirun && !mpi_server_of_environment().empty()) return false;
  leave_launchers();
  set_parameter("pmix_server_uri", doors.mpi_server);
  // The daemon that MPI starts beside a process without mpirun would look for graphics cards.
  ::setenv("HWLOC_COMPONENTS", "-gl,-opencl", 0);
  return true;
}

int contribute_from_outside(const JoinOptions& options, Programs programs) {
  const Beginning beginning;
  const int threads = threads_of(options);  // before a launcher's words are left behind
  const WayIn::Patience patience = patience_of(options);
  const std::optional<DoorFile> doors = WayIn::wait_for_doors(options.run, patience.first);
  if (!doors) {
    if (asked_to_stop() == 0) print("the run is complete; there is nothing to contribute\n");
    return exit_done;
  }
  const bool alone = prepare_mpi(*doors);
  MpiSession session(std::chrono::seconds(1));
  // Under an mpirun a new process would be nobody's; the one who started it can do so again.
  WayIn way(options.run, patience, mpi_server_of_environment(), [&] {
    if (alone) beginning.begin_anew();
  });
  Workplace workplace(threads, programs, print_failure);
  if (const std::string trouble =
          kernel_name_trouble(std::getenv("OPENBLAS_CORETYPE"), workplace.hello().numerics.core);
      !trouble.empty()) {
    print_failure(trouble);
  }
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
