#pragma once

#include <chrono>
#include <string>

#include "raven/core/digest.hpp"
#include "transport/door/handshake.hpp"
#include "transport/socket.hpp"

namespace raven::door {

/// What came of knocking at a gateway's door.
struct Reply {
  Socket socket;        ///< to be kept open as long as this process takes part
  Answer answer;        ///< sense only with a valid socket
  std::string failure;  ///< why there is no answer
};

/// Knocks at one address and waits for the answer, as long as `patience` altogether.
[[nodiscard]] Reply knock_at(const std::string& address, std::uint16_t port, const Digest& token,
                             Knock knock, std::chrono::milliseconds patience);

/// A connection to whatever answers there as a gateway does; not open when nobody does. Says
/// nothing.
[[nodiscard]] Socket call(const std::string& address, std::uint16_t port,
                          std::chrono::milliseconds patience);

}  // namespace raven::door
