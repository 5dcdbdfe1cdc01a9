#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "raven/transport/transport.hpp"

namespace raven {

/// How often, from 0 to 1, a message is tampered with. Each is drawn on its own; bits to flip and
/// places to cut are drawn too.
struct FaultRates {
  double corrupt_head = 0;  ///< one bit flipped
  double corrupt_body = 0;  ///< one bit flipped in a copy of the body
  double truncate = 0;   ///< the end of the body is missing, or of the head when there is no body
  double duplicate = 0;  ///< arrives twice in a row
};

/// A peer's death on receipt of a certain message: that one and all after it never arrive.
struct PlannedDeath {
  enum class Kind : std::uint8_t { seen, silent };
  PeerId peer = {};
  std::uint64_t at_message = 1;  ///< the first message from it is number 1
  Kind kind = Kind::seen;        ///< `silent`, as under MPI, brings no Event::lost
};

/// What goes wrong. With everything at its default nothing does.
///
/// What happens to a message follows from the seed, the peer and the message's number with that
/// peer, never from time or interleaving; delays are counted in calls of poll().
struct FaultPlan {
  std::uint64_t seed = 0;
  FaultRates incoming = {};
  FaultRates outgoing = {};
  double delay =
      0;  ///< share of incoming messages held back, and with them the later ones of that peer
  std::uint32_t longest_delay_polls = 16;
  bool reorder_across_peers = false;  ///< order between peers is drawn; order per peer stays
  std::vector<PlannedDeath> deaths = {};
};

/// Decorates `inner` with the faults of `plan`. While messages are held back poll() does not wait.
[[nodiscard]] std::unique_ptr<Transport> make_faulty_transport(std::unique_ptr<Transport> inner,
                                                               FaultPlan plan);

}  // namespace raven
