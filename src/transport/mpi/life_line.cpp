#include "transport/mpi/life_line.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "raven/core/mac.hpp"

namespace raven {
namespace {

/// An offer is u32 magic, u32 rank, 32 bytes of key, u16 port and a list of IPv4 addresses; a
/// greeting is u32 magic, u32 rank and the key. Numbers are little-endian, addresses as they
/// travel.
constexpr std::uint32_t magic = 0x31454c52;  // "RLE1"
constexpr std::size_t greeting_bytes = 4 + 4 + 32;
constexpr std::size_t most_addresses = 32;

Digest key_of(const Digest& secret, std::uint32_t rank) {
  ByteWriter writer;
  writer.put(rank);
  return mac_of(secret.bytes, writer.bytes());
}

Bytes greeting_of(std::uint32_t rank, ByteSpan key) {
  ByteWriter writer;
  writer.put(magic);
  writer.put(rank);
  writer.put_raw(key);
  return writer.take();
}

/// This machine's IPv4 addresses, loopback last: whoever is on the same machine may have no other.
std::vector<std::uint32_t> own_addresses() {
  std::vector<std::uint32_t> addresses;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) == 0) {
    for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
      if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
      if ((at->ifa_flags & IFF_UP) == 0 || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
      if (addresses.size() + 1 == most_addresses) break;
      addresses.push_back(reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr.s_addr);
    }
    ::freeifaddrs(first);
  }
  addresses.push_back(htonl(INADDR_LOOPBACK));
  return addresses;
}

sockaddr_in endpoint(std::uint32_t address, std::uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = address;
  to.sin_port = htons(port);
  return to;
}

Socket new_socket() {
  return Socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

enum class Reading : std::uint8_t { nothing, something, ended };

/// Appends what is there, up to `most` bytes in all.
Reading read_some(const Socket& socket, Bytes& into, std::size_t most) {
  std::byte bytes[greeting_bytes];
  const std::size_t room = std::min(sizeof bytes, most - into.size());
  const ssize_t got = ::recv(socket.handle(), bytes, room, 0);
  if (got > 0) {
    into.insert(into.end(), bytes, bytes + got);
    return Reading::something;
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    return Reading::nothing;
  }
  return Reading::ended;
}

/// Nothing is said on a line that holds, so anything but silence is its end.
bool holds(const Socket& socket) {
  std::byte byte{};
  const ssize_t got = ::recv(socket.handle(), &byte, 1, 0);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

}  // namespace

LifeLineHost::LifeLineHost() : secret_(unguessable()) {
  Socket socket = new_socket();
  sockaddr_in here = endpoint(htonl(INADDR_ANY), 0);
  socklen_t size = sizeof here;
  auto* address = reinterpret_cast<sockaddr*>(&here);
  if (!socket.is_open() || ::bind(socket.handle(), address, size) != 0 ||
      ::listen(socket.handle(), 128) != 0 || ::getsockname(socket.handle(), address, &size) != 0) {
    return;
  }
  port_ = ntohs(here.sin_port);
  listener_ = std::move(socket);
}

Bytes LifeLineHost::offer_to(std::uint32_t rank) const {
  if (!listener_.is_open()) return {};
  ByteWriter writer;
  writer.put(magic);
  writer.put(rank);
  writer.put_raw(key_of(secret_, rank).bytes);
  writer.put(port_);
  const std::vector<std::uint32_t> addresses = own_addresses();
  writer.put_list(std::span<const std::uint32_t>(addresses));
  return writer.take();
}

std::vector<std::uint32_t> LifeLineHost::check(Clock::time_point now) {
  admit(now);
  std::erase_if(callers_, [&](Caller& caller) { return !hear(caller, now); });

  // One call looks at all lines: most never say anything.
  std::vector<pollfd> watched;
  for (const auto& [rank, line] : lines_) watched.push_back({line.handle(), POLLIN, 0});
  if (!watched.empty() && ::poll(watched.data(), watched.size(), 0) > 0) {
    for (const pollfd& one : watched) {
      if (one.revents == 0) continue;
      const auto found = std::find_if(lines_.begin(), lines_.end(), [&](const auto& line) {
        return line.second.handle() == one.fd;
      });
      if (holds(found->second)) continue;
      ended_.emplace(found->first, now);
      lines_.erase(found);
    }
  }

  std::vector<std::uint32_t> gone;
  for (const auto& [rank, when] : ended_) {
    if (now - when >= grace) gone.push_back(rank);
  }
  for (const std::uint32_t rank : gone) ended_.erase(rank);
  return gone;
}

void LifeLineHost::forget(std::uint32_t rank) {
  lines_.erase(rank);
  ended_.erase(rank);
}

void LifeLineHost::admit(Clock::time_point now) {
  while (listener_.is_open() && callers_.size() < most_callers) {
    Socket caller(::accept4(listener_.handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!caller.is_open()) return;
    callers_.push_back({std::move(caller), now});
  }
}

bool LifeLineHost::hear(Caller& caller, Clock::time_point now) {
  if (read_some(caller.socket, caller.said, greeting_bytes) == Reading::ended) return false;
  if (caller.said.size() < greeting_bytes) return now - caller.came < greeting_time;
  ByteReader reader(caller.said);
  const bool is_greeting = reader.get<std::uint32_t>() == magic;
  const auto rank = reader.get<std::uint32_t>();
  const Digest shown = digest_of(reader.get_raw(32));
  // Digests of both, since only digests are compared in constant time.
  if (!is_greeting || !same_mac(shown, digest_of(key_of(secret_, rank).bytes))) return false;
  lines_.insert_or_assign(rank, std::move(caller.socket));
  return false;
}

LifeLine::LifeLine(ByteSpan offer, Clock::time_point now) {
  ByteReader reader(offer);
  const bool is_offer = reader.get<std::uint32_t>() == magic;
  const auto rank = reader.get<std::uint32_t>();
  const ByteSpan key = reader.get_raw(32);
  const Bytes greeting = reader.ok() ? greeting_of(rank, key) : Bytes();
  port_ = reader.get<std::uint16_t>();
  addresses_ = reader.get_list<std::uint32_t>();
  if (!reader.done() || !is_offer || addresses_.size() > most_addresses) return;
  std::reverse(addresses_.begin(), addresses_.end());
  greeting_ = greeting;
  call_next(now);
  // On the same machine the call is taken at once. From here on a death is seen.
  static_cast<void>(host_is_gone(now));
}

bool LifeLine::host_is_gone(Clock::time_point now) {
  if (state_ == State::calling) {
    pollfd ready{socket_.handle(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) > 0) {
      greet();
      if (state_ == State::calling) call_next(now);
    } else if (now - since_ > calling_time) {
      call_next(now);
    }
  } else if (state_ == State::holding && !holds(socket_)) {
    state_ = State::ended;
    since_ = now;
    socket_.close();
  }
  return state_ == State::ended && now - since_ >= grace;
}

void LifeLine::call_next(Clock::time_point now) {
  state_ = State::without;
  socket_.close();
  while (!addresses_.empty()) {
    const sockaddr_in there = endpoint(addresses_.back(), port_);
    addresses_.pop_back();
    Socket socket = new_socket();
    if (!socket.is_open()) return;
    const int result =
        ::connect(socket.handle(), reinterpret_cast<const sockaddr*>(&there), sizeof there);
    if (result != 0 && errno != EINPROGRESS) continue;
    socket_ = std::move(socket);
    since_ = now;
    state_ = State::calling;
    return;
  }
}

void LifeLine::greet() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.handle(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return;
  // A fresh connection takes forty bytes at once.
  const ssize_t sent = ::send(socket_.handle(), greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(greeting_.size())) state_ = State::holding;
}

}  // namespace raven
