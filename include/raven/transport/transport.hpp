#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "raven/core/blob.hpp"

namespace raven {

/// A peer of this process as its transport knows it. To a contributor the master is peer 0.
struct PeerId {
  std::uint32_t value = 0;
  auto operator<=>(const PeerId&) const = default;
};

/// The name under which a gateway itself is written to, and heard of, by the master; a peer like
/// others has a smaller one.
[[nodiscard]] constexpr PeerId gateway_peer(std::uint32_t gateway) {
  return {(std::uint32_t{1} << 29) + gateway};
}

struct PeerIdHash {
  std::size_t operator()(PeerId peer) const { return std::hash<std::uint32_t>{}(peer.value); }
};

/// A short head that says what this is, and an optional large body that travels by reference.
struct Message {
  Bytes head;  ///< at most Transport::max_head_bytes
  Blob body;   ///< a tensor, a graph, rows of a shard; may be empty
};

struct Event {
  enum class Kind : std::uint8_t { message, joined, lost };
  Kind kind;
  PeerId peer;
  Message message = {};     ///< only for Kind::message
  std::string reason = {};  ///< only for Kind::lost: why, for the log
  /// Number of the gateway behind which the peer is, or that it is itself; 0: none.
  std::uint32_t gateway = 0;
};

/// Bytes and messages of all peers since the start, heads and bodies together. A message counts as
/// sent once it has begun to leave, as received once it is complete.
struct Traffic {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
};

/// Carries whole messages between this process and its peers.
///
/// Nothing here waits for a peer: send() only queues, poll() makes progress. Losing a peer is an
/// Event, not an error; a training run expects it.
///
/// Threads: only the thread that created the transport may call it, except wake().
/// Order: messages from one peer arrive as sent; between peers, no promise. A peer is known, and
/// may be sent to, from its Event::joined on.
class Transport {
 public:
  static constexpr std::size_t max_head_bytes = 64 * 1024;

  virtual ~Transport() = default;

  /// Queues a message and takes over its bytes until they are delivered or `to` is lost.
  /// Sending to a lost or unknown peer is allowed and does nothing.
  /// @pre message.head.size() <= max_head_bytes
  virtual void send(PeerId to, Message message) = 0;

  /// Waits up to `patience` for the next event; none if it stays quiet or wake() was called.
  /// @throws InputError when this process itself can no longer communicate.
  virtual std::optional<Event> poll(std::chrono::microseconds patience) = 0;

  /// Makes a poll() that waits, or the next one, return early. Any thread.
  virtual void wake() = 0;

  /// Forgets a peer: queued messages to it are discarded, later ones from it ignored. No event
  /// follows, here or at the peer, which sees only silence.
  virtual void drop(PeerId peer) = 0;

  /// True when every message queued so far to `peer` has left this process or been discarded.
  [[nodiscard]] virtual bool flushed(PeerId peer) const = 0;

  /// Messages queued to `peer` that have not left this process; a transport that can't count them
  /// says 1 for any number.
  [[nodiscard]] virtual std::size_t backlog(PeerId peer) const { return flushed(peer) ? 0 : 1; }

  /// From now on a peer that announces a larger body is lost, before memory is taken for it.
  virtual void limit_bodies(std::size_t bytes) = 0;

  [[nodiscard]] virtual Traffic traffic() const = 0;
};

}  // namespace raven
