#include "transport/door/door.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "raven/core/error.hpp"
#include "raven/core/mac.hpp"

namespace raven::door {
namespace {

using Clock = std::chrono::steady_clock;

Bytes framed(const Bytes& bytes) {
  ByteWriter writer;
  writer.put(static_cast<std::uint32_t>(bytes.size()));
  writer.put_raw(bytes);
  return writer.take();
}

Socket listen_anywhere(std::uint16_t& port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!socket.is_open() || ::bind(socket.handle(), generic, size) != 0 ||
      ::listen(socket.handle(), 64) != 0 || ::getsockname(socket.handle(), generic, &size) != 0) {
    throw InputError("no TCP port can be opened for newcomers", "look at the machine's limits");
  }
  port = ntohs(address.sin_port);
  return socket;
}

}  // namespace

Door::Door(Options options, std::function<void()> woken)
    : options_(options),
      woken_(std::move(woken)),
      listener_(listen_anywhere(port_)),
      nudge_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      thread_([this] { serve(); }) {}

Door::~Door() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  ::eventfd_write(nudge_.handle(), 1);
  thread_.join();
}

std::vector<Door::Happening> Door::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(happenings_, {});
}

void Door::answer(std::uint64_t guest, const Answer& answer) {
  const std::scoped_lock lock(mutex_);
  const auto found = connections_.find(guest);
  if (found == connections_.end() || !found->second.is_guest) return;
  Connection& connection = found->second;
  const Bytes frame =
      framed(encode(answer, connection.knock, connection.challenge, options_.token));
  connection.out.insert(connection.out.end(), frame.begin(), frame.end());
  connection.ends_when_said = answer.verdict == Answer::Verdict::refused;
  ::eventfd_write(nudge_.handle(), 1);
}

void Door::put_out(std::uint64_t guest) {
  const std::scoped_lock lock(mutex_);
  connections_.erase(guest);
  ::eventfd_write(nudge_.handle(), 1);
}

void Door::serve() {
  std::vector<pollfd> watched;
  std::vector<std::uint64_t> ids;
  for (;;) {
    watched = {{nudge_.handle(), POLLIN, 0}, {listener_.handle(), POLLIN, 0}};
    ids = {0, 0};
    int patience = -1;
    {
      const std::scoped_lock lock(mutex_);
      if (closing_) return;
      // A full house lets the next ones wait in the system's queue.
      if (strangers() >= options_.most_strangers ||
          connections_.size() >= options_.most_guests + options_.most_strangers) {
        watched[1].events = 0;
      }
      for (const auto& [id, connection] : connections_) {
        const bool writes = !connection.out.empty();
        watched.push_back(
            {connection.socket.handle(), static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), 0});
        ids.push_back(id);
        if (!connection.is_guest) patience = 100;
      }
    }
    if (::poll(watched.data(), watched.size(), patience) < 0 && errno != EINTR) return;
    bool tell = false;
    {
      const std::scoped_lock lock(mutex_);
      eventfd_t count = 0;
      if (watched[0].revents != 0) ::eventfd_read(nudge_.handle(), &count);
      const std::size_t before = happenings_.size();
      for (std::size_t i = 2; i < watched.size(); ++i) {
        const auto found = connections_.find(ids[i]);
        if (found == connections_.end()) continue;
        const short events = watched[i].revents;
        bool goes_on = true;
        if ((events & POLLOUT) != 0) goes_on = write(found->second);
        if (goes_on && (events & (POLLIN | POLLHUP | POLLERR)) != 0) {
          goes_on = read(ids[i], found->second);
        }
        const bool late =
            !found->second.is_guest && Clock::now() - found->second.came > options_.deadline;
        if (!goes_on || late) end(ids[i], true);
      }
      if (watched[1].revents != 0) admit();
      tell = happenings_.size() > before;
    }
    if (tell) woken_();
  }
}

std::size_t Door::strangers() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      connections_, [](const auto& entry) { return !entry.second.is_guest; }));
}

void Door::admit() {
  for (std::size_t room = strangers(); room < options_.most_strangers; ++room) {
    Socket socket(::accept4(listener_.handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.is_open()) return;
    Connection connection{.socket = std::move(socket), .came = Clock::now()};
    connection.challenge.nonce = unguessable();
    connection.out = framed(encode(connection.challenge));
    connections_.emplace(++last_id_, std::move(connection));
  }
}

bool Door::write(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t sent = ::send(connection.socket.handle(), connection.out.data(),
                                connection.out.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    connection.out.erase(connection.out.begin(), connection.out.begin() + sent);
  }
  return !connection.ends_when_said;
}

bool Door::read(std::uint64_t id, Connection& connection) {
  std::byte block[1024];
  for (;;) {
    const ssize_t got = ::recv(connection.socket.handle(), block, sizeof block, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    // Nobody has anything to say once it has knocked.
    if (connection.is_guest) return false;
    connection.in.insert(connection.in.end(), block, block + got);
    if (!take_frames(id, connection)) return false;
  }
}

bool Door::take_frames(std::uint64_t id, Connection& connection) {
  ByteReader reader(connection.in);
  if (reader.left() < sizeof(std::uint32_t)) return true;
  const auto size = reader.get<std::uint32_t>();
  if (size > max_frame || reader.left() > size) return false;
  if (reader.left() < size) return true;
  const auto knock = decode_knock(reader.get_raw(size), connection.challenge, options_.token);
  if (!knock) return false;
  connection.in.clear();
  connection.knock = *knock;
  connection.is_guest = true;
  happenings_.push_back({Happening::Kind::knock, id, *knock});
  return true;
}

void Door::end(std::uint64_t id, bool tell) {
  const auto found = connections_.find(id);
  if (found->second.is_guest && tell) happenings_.push_back({Happening::Kind::gone, id});
  connections_.erase(found);
}

std::string own_addresses() {
  ifaddrs* first = nullptr;
  std::string addresses;
  if (::getifaddrs(&first) == 0) {
    for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
      if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
      if ((at->ifa_flags & IFF_UP) == 0 || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
      const auto* ip = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
      char text[INET_ADDRSTRLEN] = {};
      if (::inet_ntop(AF_INET, &ip->sin_addr, text, sizeof text) != nullptr) {
        addresses += std::string(text) + ",";
      }
    }
    ::freeifaddrs(first);
  }
  return addresses + "127.0.0.1";
}

}  // namespace raven::door
