#pragma once

#include <memory>

#include "raven/transport/passage.hpp"

namespace raven {

/// Adds gradients up on their way through a gateway, so that the master receives as many sums as it
/// has gateways rather than contributors.
///
/// It reads along which subtrees are leased to whom. A gradient whose sibling in the tree is to
/// come through this gateway, too, is kept and its master told (GradientMessage::withheld); two
/// siblings become one sum, and so on upward; what has no sibling to wait for any more goes on.
/// Sums are made where the tree has them, so the bits are those of a master that adds everything
/// itself. Whatever looks wrong is passed on as it came: judging is the master's.
[[nodiscard]] std::unique_ptr<Passage> make_gateway_sums();

}  // namespace raven
