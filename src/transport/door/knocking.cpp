#include "transport/door/knocking.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "raven/core/mac.hpp"

namespace raven::door {
namespace {

using Clock = std::chrono::steady_clock;

/// A connection and the time until which it is of interest.
struct Line {
  Socket socket;
  Clock::time_point deadline;

  bool wait(short events) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd watched{socket.handle(), events, 0};
    return left.count() > 0 && ::poll(&watched, 1, static_cast<int>(left.count()) + 1) > 0;
  }

  bool send(const Bytes& frame) {
    ByteWriter writer;
    writer.put(static_cast<std::uint32_t>(frame.size()));
    writer.put_raw(frame);
    const Bytes& bytes = writer.bytes();
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (!wait(POLLOUT)) return false;
      const ssize_t sent =
          ::send(socket.handle(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      at += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    }
    return true;
  }

  bool receive_exactly(std::byte* to, std::size_t count) {
    while (count > 0) {
      if (!wait(POLLIN)) return false;
      const ssize_t got = ::recv(socket.handle(), to, count, 0);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
      if (got < 0) continue;
      to += got;
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }

  /// Empty when none came.
  Bytes receive() {
    std::uint32_t size = 0;
    if (!receive_exactly(reinterpret_cast<std::byte*>(&size), sizeof size)) return {};
    if (size > max_frame) return {};
    Bytes frame(size);
    if (!receive_exactly(frame.data(), frame.size())) return {};
    return frame;
  }
};

bool connect_to(Line& line, const std::string& address, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) {
    return false;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  line.socket = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!line.socket.is_open()) return false;
  if (::connect(line.socket.handle(), found->ai_addr, found->ai_addrlen) == 0) return true;
  int error = 0;
  socklen_t size = sizeof error;
  return errno == EINPROGRESS && line.wait(POLLOUT) &&
         ::getsockopt(line.socket.handle(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

Reply failed(std::string why) {
  Reply reply;
  reply.failure = std::move(why);
  return reply;
}

}  // namespace

Socket call(const std::string& address, std::uint16_t port, std::chrono::milliseconds patience) {
  Line line{Socket(), Clock::now() + patience};
  if (!connect_to(line, address, port) || !decode_challenge(line.receive())) return Socket();
  return std::move(line.socket);
}

Reply knock_at(const std::string& address, std::uint16_t port, const Digest& token, Knock knock,
               std::chrono::milliseconds patience) {
  Line line{Socket(), Clock::now() + std::min(patience, std::chrono::milliseconds(3000))};
  const std::string where = address + ":" + std::to_string(port);
  if (!connect_to(line, address, port)) return failed("nobody answers at " + where);
  line.deadline = Clock::now() + patience;
  const auto challenge = decode_challenge(line.receive());
  if (!challenge) return failed("no gateway answers at " + where);
  knock.nonce = unguessable();
  if (!line.send(encode(knock, *challenge, token))) return failed(where + " hung up");
  const Bytes frame = line.receive();
  if (frame.empty()) return failed(where + " gave no answer (the token may be of an earlier run)");
  const auto answer = decode_answer(frame, knock, *challenge, token);
  if (!answer) return failed("what answers at " + where + " does not know the run's token");
  Reply reply;
  reply.socket = std::move(line.socket);
  reply.answer = *answer;
  return reply;
}

}  // namespace raven::door
