#include "cli/join.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/processes.hpp"
#include "raven/cli/app.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/gateway.hpp"

namespace raven {
namespace {

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

}  // namespace

int join(const JoinOptions& options) {
  listen_for_signals();
  if (options.spawned) return contribute_as_spawned(options);
  throw InputError("this process was not spawned", "start it by a gateway");
}

}  // namespace raven
