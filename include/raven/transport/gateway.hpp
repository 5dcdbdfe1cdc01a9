#pragma once

#include <memory>
#include <string>
#include <vector>

#include "raven/transport/mpi.hpp"

namespace raven {

struct GatewayOptions {
  /// The program that is started when the master orders newcomers, and its arguments.
  std::vector<std::string> spawn_command;
};

/// Runs a gateway, a rank of the master's own mpirun, until the master closes it or is silent.
/// See docs/adr/0008-gateways.md.
/// @pre `session` was made for several threads; its rank is not 0
/// @return why it ended; empty for the ordinary end
[[nodiscard]] std::string run_gateway(MpiSession& session, const GatewayOptions& options);

/// A spawned process's transport to the gateway that started it, its peer 0; null when this process
/// was not spawned. @pre an MpiSession lives in this thread
[[nodiscard]] std::unique_ptr<Transport> make_spawned_transport(MpiOptions options = {});

}  // namespace raven
