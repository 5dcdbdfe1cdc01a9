#pragma once

#include <vector>

#include "raven/transport/transport.hpp"

namespace raven {

/// Looks at what passes through a gateway and may make less of it on the way to the master. It
/// knows what messages mean; gateways do not. Threads: the gateway's.
///
/// The master can also write to the gateway itself, and hear from it: to the master it has the id
/// of its rank.
class Passage {
 public:
  /// Sends to the master, in a newcomer's name or the gateway's own.
  struct Inward {
    PeerId from;
    Message message;
  };
  /// The gateway itself, among its newcomers.
  static constexpr PeerId gateway{0};

  virtual ~Passage() = default;

  /// A message's head on its way to a newcomer, which it reaches in any case, or for the gateway.
  /// @param inward is added to, here and below, in the order in which it is to be sent
  virtual void outward(PeerId to, ByteSpan head, std::vector<Inward>& inward) = 0;
  /// A newcomer's message, to be passed on, kept, or turned into others.
  /// @return false when no honest newcomer sends it: it is lost then
  [[nodiscard]] virtual bool inward(PeerId from, Message message, std::vector<Inward>& inward) = 0;
  /// That newcomer is gone; nothing may be sent in its name any more.
  virtual void lost(PeerId newcomer, std::vector<Inward>& inward) = 0;
};

}  // namespace raven
