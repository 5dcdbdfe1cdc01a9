#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "raven/core/bytes.hpp"
#include "raven/core/digest.hpp"
#include "transport/socket.hpp"

namespace raven {

/// Life lines: a TCP connection between rank 0 and each other rank, beside MPI, on which nothing is
/// ever said after a greeting. MPI tells of no death; the system closes the sockets of a process
/// that dies, at once, and the other end reads the end of the stream.
///
/// Rank 0 offers each rank its address and a key by an MPI message; the rank calls and shows the
/// key. A rank that can't (a firewall, another network) goes without, and its silence has to tell.
/// Nothing here waits: check() looks what is there and is called every few milliseconds.
/// Threads: one.
class LifeLineHost {
 public:
  using Clock = std::chrono::steady_clock;

  /// Messages that a process sent before it died are still read after its line has ended.
  static constexpr std::chrono::milliseconds grace{20};
  /// A caller that has not shown its key by then is put off.
  static constexpr std::chrono::milliseconds greeting_time{5000};
  static constexpr std::size_t most_callers = 64;  ///< that have not shown their key

  /// Listens on a free port of all interfaces; without, nobody has a life line.
  LifeLineHost();

  /// To be told to `rank`; empty when nobody listens.
  [[nodiscard]] Bytes offer_to(std::uint32_t rank) const;
  /// Ranks whose line ended `grace` ago, once each.
  [[nodiscard]] std::vector<std::uint32_t> check(Clock::time_point now);
  /// Hangs up.
  void forget(std::uint32_t rank);

 private:
  struct Caller {
    Socket socket;
    Clock::time_point came;
    Bytes said = {};
  };
  void admit(Clock::time_point now);
  /// @return false when the caller is done with: put off, or known now
  bool hear(Caller& caller, Clock::time_point now);

  Digest secret_;
  Socket listener_;
  std::uint16_t port_ = 0;
  std::vector<Caller> callers_;
  std::map<std::uint32_t, Socket> lines_;             // by rank
  std::map<std::uint32_t, Clock::time_point> ended_;  // when, by rank
};

/// The other end.
class LifeLine {
 public:
  using Clock = std::chrono::steady_clock;

  /// Longer than the host's: a run that ends says so first, by MPI.
  static constexpr std::chrono::milliseconds grace{500};
  static constexpr std::chrono::milliseconds calling_time{2000};  ///< for each address

  /// Greatest offer there is, for the buffer that receives it.
  static constexpr std::size_t max_offer_bytes = 256;

  /// Calls as the offer says. An offer that makes no sense, or a host out of reach, gives a line
  /// that never tells anything.
  LifeLine(ByteSpan offer, Clock::time_point now);

  /// True once the host has been gone for `grace`.
  [[nodiscard]] bool host_is_gone(Clock::time_point now);

 private:
  enum class State : std::uint8_t { calling, holding, ended, without };

  void call_next(Clock::time_point now);
  void greet();

  State state_ = State::without;
  std::vector<std::uint32_t> addresses_;  // still to try, last first; in network byte order
  std::uint16_t port_ = 0;
  Bytes greeting_;
  Socket socket_;
  Clock::time_point since_{};
};

}  // namespace raven
