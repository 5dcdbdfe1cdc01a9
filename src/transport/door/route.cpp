#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <bit>
#include <memory>
#include <optional>
#include <sstream>

#include "raven/transport/gateway.hpp"
#include "transport/door/knocking.hpp"

namespace raven {
namespace {

/// An end of a connection, IPv4 in the machine's byte order; none when there is none.
std::optional<std::uint32_t> end_of(const Socket& socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_in end{};
  socklen_t size = sizeof end;
  if (ask(socket.handle(), reinterpret_cast<sockaddr*>(&end), &size) != 0) return std::nullopt;
  if (end.sin_family != AF_INET) return std::nullopt;
  return ntohl(end.sin_addr.s_addr);
}

std::uint32_t address_in(const sockaddr* of) {
  return ntohl(reinterpret_cast<const sockaddr_in*>(of)->sin_addr.s_addr);
}

/// Whether this machine has the address, and the length of its network's prefix.
std::optional<int> prefix_of_own(std::uint32_t address) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, ::freeifaddrs);
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    if (address_in(at->ifa_addr) != address) continue;
    return at->ifa_netmask == nullptr ? 32 : std::popcount(address_in(at->ifa_netmask));
  }
  return std::nullopt;
}

std::string in_words(std::uint32_t address) {
  const in_addr network{htonl(address)};
  char text[INET_ADDRSTRLEN] = {};
  return ::inet_ntop(AF_INET, &network, text, sizeof text) == nullptr ? "" : text;
}

}  // namespace

std::string network_towards(const GatewayDoor& at, std::chrono::milliseconds patience) {
  std::istringstream addresses(at.addresses);
  for (std::string address; std::getline(addresses, address, ',');) {
    const Socket socket = door::call(address, at.port, patience);
    if (!socket.is_open()) continue;
    const auto near = end_of(socket, ::getsockname);
    const auto far = end_of(socket, ::getpeername);
    // Who answers at an address of this machine is on it, and MPI goes through no network.
    if (!near || !far || prefix_of_own(*far)) return {};
    const std::optional<int> prefix = prefix_of_own(*near);
    return prefix ? in_words(*near) + "/" + std::to_string(*prefix) : std::string();
  }
  return {};
}

}  // namespace raven
