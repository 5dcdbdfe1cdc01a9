#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/transport/mpi.hpp"
#include "raven/transport/passage.hpp"
#include "raven/transport/relay.hpp"

namespace raven {

struct GatewayOptions {
  /// The program that is started when the master orders newcomers, and its arguments.
  std::vector<std::string> spawn_command;
  Passage* passage = nullptr;  ///< sees and shapes what is relayed; null: nobody does
};

/// Runs a gateway, a rank of the master's own mpirun, until the master closes it or is silent.
/// See docs/adr/0008-gateways.md.
/// @pre `session` was made for several threads; its rank is not 0
/// @return why it ended; empty for the ordinary end
[[nodiscard]] std::string run_gateway(MpiSession& session, const GatewayOptions& options);

/// A spawned process's transport to the gateway that started it, its peer 0; null when this process
/// was not spawned. @pre an MpiSession lives in this thread
[[nodiscard]] std::unique_ptr<Transport> make_spawned_transport(MpiOptions options = {});

/// The address of the ompi-server that this process's mpirun, or it itself, was told of; empty
/// without one. A file is read here, because others need not see it.
[[nodiscard]] std::string mpi_server_of_environment();

/// Where a gateway lets newcomers in, and what they must know.
struct GatewayDoor {
  std::string addresses;  ///< IPv4 addresses or names, separated by commas; the first that answers
  std::uint16_t port = 0;
  Digest token;
};

/// The network, as "198.51.100.7/24", by which this machine reaches a gateway: its own address
/// there and the length of the prefix. Empty when the gateway is on this machine, or can't be
/// reached. Needs no MPI, so that MPI can be told before it begins.
[[nodiscard]] std::string network_towards(const GatewayDoor& door,
                                          std::chrono::milliseconds patience);

/// What came of going through a door.
struct Entrance {
  std::unique_ptr<Transport> transport;  ///< peer 0 is the gateway; null when there was no way in
  std::string failure;                   ///< why
};

/// Comes in through a gateway's door: shows the token over TCP, then connects by MPI. Waits for its
/// turn for at most `patience`. The TCP connection stays, and its end is that of the gateway: then
/// the transport loses its peer. MPI's connecting can't be given up, so a gateway that dies in its
/// few milliseconds ends this process, with a sentence; but first `on_dead_end`, called in another
/// thread, may replace it.
/// @pre an MpiSession lives in this thread
[[nodiscard]] Entrance enter_through(const GatewayDoor& door, const std::string& node,
                                     std::chrono::milliseconds patience, MpiOptions options = {},
                                     std::function<void()> on_dead_end = {});

/// Asks a gateway to start contributors. @return why it does not; empty when it will
[[nodiscard]] std::string order_spawn(const GatewayDoor& door, const SpawnOrder& order,
                                      std::chrono::milliseconds patience);

/// Asks the master, by a gateway, to let one of its peers go. @return why that can't be asked;
/// empty when the master hears of it
[[nodiscard]] std::string order_leave(const GatewayDoor& door, PeerId peer,
                                      std::chrono::milliseconds patience);

}  // namespace raven
