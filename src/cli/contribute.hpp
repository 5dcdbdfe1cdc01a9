#pragma once

#include <string>

#include "raven/cluster/protocol.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// From now on SIGTERM, SIGINT and SIGUSR1 ask for a stop; a second SIGINT or SIGTERM ends the
/// process the ordinary way.
void listen_for_signals();
/// The signal that asked this process to stop; 0 for none.
[[nodiscard]] int asked_to_stop();

/// What this process says of itself when it contributes with so many threads.
[[nodiscard]] Hello hello_of(int threads);

/// Contributes over `transport`, whose peer 0 is the master or a gateway, until the master says
/// it's over or SIGTERM or SIGINT comes.
/// @return why it ended; empty for the ordinary end
[[nodiscard]] std::string contribute(Transport& transport, int threads);

}  // namespace raven
