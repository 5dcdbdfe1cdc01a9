#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "raven/core/digest.hpp"
#include "transport/door/handshake.hpp"
#include "transport/socket.hpp"

namespace raven::door {

/// A gateway's TCP port, served by a thread of its own that never calls MPI: nobody who knocks, and
/// nothing that MPI does, holds it up.
///
/// Whoever does not show within `deadline` that it knows the token is put out without a word. Who
/// does is held until it goes or is put out.
/// Threads: any may call it.
class Door {
 public:
  struct Options {
    Digest token;
    std::chrono::milliseconds deadline{5000};
    std::size_t most_strangers = 64;  ///< connections that have not shown anything yet
    std::size_t most_guests = 1024;
  };
  struct Happening {
    enum class Kind : std::uint8_t { knock, gone };
    Kind kind;
    std::uint64_t guest;
    Knock knock = {};  ///< Kind::knock
  };

  /// Listens on a free port of all interfaces. @param woken is called on the door's thread when
  /// there is something to take(). @throws InputError when the system refuses
  Door(Options options, std::function<void()> woken);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::vector<Happening> take();
  /// Once a guest. A refusal puts it out after it was said.
  void answer(std::uint64_t guest, const Answer& answer);
  /// Ends the connection. No happening follows.
  void put_out(std::uint64_t guest);

 private:
  struct Connection {
    Socket socket;
    std::chrono::steady_clock::time_point came{};
    Challenge challenge = {};
    bool is_guest = false;
    bool ends_when_said = false;
    Knock knock = {};
    Bytes in = {};
    Bytes out = {};
  };

  void serve();
  void admit();
  /// Each is false when the connection has to end.
  bool read(std::uint64_t id, Connection& connection);
  bool write(Connection& connection);
  bool take_frames(std::uint64_t id, Connection& connection);
  void end(std::uint64_t id, bool tell);
  [[nodiscard]] std::size_t strangers() const;

  Options options_;
  std::function<void()> woken_;
  std::uint16_t port_ = 0;  ///< before the listener, which fills it in
  Socket listener_;
  Socket nudge_;  ///< an eventfd: the thread has something to do

  std::mutex mutex_;  ///< of all below
  std::map<std::uint64_t, Connection> connections_;
  std::vector<Happening> happenings_;
  std::uint64_t last_id_ = 0;
  bool closing_ = false;

  std::thread thread_;
};

/// IPv4 addresses of this machine's interfaces, loopback last, separated by commas.
[[nodiscard]] std::string own_addresses();

}  // namespace raven::door
