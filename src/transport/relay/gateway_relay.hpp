#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "raven/transport/passage.hpp"
#include "raven/transport/relay.hpp"
#include "raven/transport/transport.hpp"
#include "transport/relay/body_cache.hpp"
#include "transport/relay/envelope.hpp"

namespace raven::relay {

/// A gateway's side of the relay: peer 0 of its transport is the master, all others are newcomers
/// and known to the master by their ids here.
///
/// Knows nothing of how newcomers come in; whoever lets them in makes them peers of the transport.
/// Threads: the transport's.
class GatewayRelay {
 public:
  struct Hooks {
    std::function<void(const GatewayOrders&)> on_orders;
    std::function<void(const SpawnOrder&)> on_spawn;
    /// Whoever was let in is of no more use: the master dropped it, or the transport lost it.
    std::function<void(PeerId)> on_gone;
  };
  struct Options {
    Passage* passage = nullptr;  ///< sees and shapes what is relayed; null: nobody does
    std::size_t kept_bytes = RelayOptions{}.kept_bytes;
    std::chrono::milliseconds heartbeat{500};
    std::chrono::milliseconds master_lost_after{20000};  ///< until orders say otherwise
  };

  GatewayRelay(Transport& transport, Hooks hooks, Options options);

  /// Relays what comes within `patience`, or until the transport is woken.
  void step(std::chrono::microseconds patience);
  /// Forgets a newcomer whose death was seen elsewhere, and tells the master.
  void lose(PeerId newcomer, const std::string& reason);
  void tell(const GatewayNote& note) { to_master(note); }

  /// The master closed the gateway, or is gone.
  [[nodiscard]] bool finished() const { return finished_; }
  /// Why, unless the master said so.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  [[nodiscard]] std::size_t newcomers() const { return newcomers_.size(); }
  /// Everything for newcomers has left.
  [[nodiscard]] bool flushed() const;

 private:
  struct Newcomer {
    std::uint32_t handed_over =
        0;  ///< messages given to the transport and not reported as departed
    std::optional<Blob> long_head = {};
  };

  void to_master(const AnyEnvelope& envelope, Blob body = {});
  void on_master(const Event& event);
  void on_newcomer(Event& event);
  /// Shows the passage what is on its way to a newcomer, or for the gateway itself.
  void look_at(PeerId to, ByteSpan head);
  void pass_on(PeerId from, Message message);
  /// What the passage has to say by itself.
  void pass_on(std::vector<Passage::Inward> messages);
  /// Takes a newcomer that is gone out of everything. @return false: it was not there
  bool forget(PeerId newcomer);
  void report_departures();
  void quit(std::string why);

  bool take(const Carried& carried, const Blob& body);
  bool take(const LongHead& head, const Blob& body);
  bool take(const Dropped& dropped, const Blob& body);
  bool take(const GatewayOrders& orders, const Blob& body);
  bool take(const SpawnOrder& order, const Blob& body);
  bool take(const Alive&, const Blob&) { return true; }
  bool take(const Close& close, const Blob& body);
  template <class T>
  bool take(const T&, const Blob&) {
    return false;
  }

  Transport& transport_;
  Hooks hooks_;
  Options options_;
  ReceivedBodies received_;
  std::unordered_map<PeerId, Newcomer, PeerIdHash> newcomers_;
  std::chrono::steady_clock::time_point last_heard_;
  std::chrono::steady_clock::time_point next_beat_;
  bool finished_ = false;
  std::string complaint_;
};

}  // namespace raven::relay
