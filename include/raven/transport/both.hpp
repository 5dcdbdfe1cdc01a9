#pragma once

#include <memory>

#include "raven/transport/transport.hpp"

namespace raven {

/// Added to the ids of peers inside this process, so that they never collide with ranks.
constexpr std::uint32_t local_peer_base = 1U << 30;

/// The master's view when it has contributors both inside its own process and on other ranks: one
/// transport made of two. Local peers get `local_peer_base` added to their ids. While it waits it
/// sleeps on the local one, which wakes it at once, and looks at the remote one every 50 to 200 us,
/// more often the more is going on there. While both have events they take turns.
[[nodiscard]] std::unique_ptr<Transport> make_both_transport(std::unique_ptr<Transport> local,
                                                             std::unique_ptr<Transport> remote);

}  // namespace raven
