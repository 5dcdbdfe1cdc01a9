#pragma once

#include <deque>
#include <optional>
#include <string>

#include "raven/simulate/faults.hpp"
#include "simulate/world.hpp"

namespace raven::simulated {

/// One direction between two processes. As the real transports promise, whole messages arrive in
/// the order in which they were sent, or from some point on not at all; a fault may break that
/// once.
class Lane {
 public:
  /// @param name of both ends, for the trace
  Lane(World& world, std::string name, std::function<void(Event)> receive)
      : world_(world), name_(std::move(name)), receive_(std::move(receive)) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void send(Message message);
  /// The receiver is told, behind all that was sent, that there is nobody any more.
  void end(const std::string& reason);
  /// Of what is under way, the last so many messages never arrive.
  void lose_last(std::size_t count);
  /// Nothing arrives any more, whatever is under way.
  void close();
  /// The next message but `skip` meets with this fault. @return whether this is a fault of messages
  bool arm(FaultKind kind, std::uint32_t skip);
  /// Nothing arrives before that moment: the network stands still, or the receiver does.
  void hold_until(Instant moment) { held_until_ = std::max(held_until_, moment); }

 private:
  struct Parcel {
    Instant ready;
    Event event;
  };

  void post(Event event, Duration latency);
  void deliver();
  void meet(FaultKind kind, Message& message);
  bool flip_bit(Message& message, bool in_tensor);
  void shorten(Message& message);

  World& world_;
  std::string name_;
  std::function<void(Event)> receive_;
  std::deque<Parcel> under_way_;
  Instant held_until_{};
  std::optional<FaultKind> armed_;
  std::uint32_t skip_ = 0;
  std::optional<Message> overtaken_;
  bool cut_ = false;
  bool closed_ = false;
};

}  // namespace raven::simulated
