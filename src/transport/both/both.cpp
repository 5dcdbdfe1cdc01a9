#include "raven/transport/both.hpp"

#include <algorithm>
#include <atomic>

namespace raven {
namespace {

using std::chrono::microseconds;

class BothTransport final : public Transport {
 public:
  BothTransport(std::unique_ptr<Transport> local, std::unique_ptr<Transport> remote)
      : local_(std::move(local)), remote_(std::move(remote)) {}

  void send(PeerId to, Message message) override { of(to).send(inner(to), std::move(message)); }

  std::optional<Event> poll(microseconds patience) override {
    const auto deadline = std::chrono::steady_clock::now() + std::min(patience, longest_patience);
    for (;;) {
      // The sides take turns, so that a busy one does not keep the other's peers waiting.
      local_first_ = !local_first_;
      if (local_first_) {
        if (auto event = from_local(microseconds(0))) return event;
      }
      if (auto event = remote_->poll(microseconds(0))) {
        nap_ = shortest_nap;
        return event;
      }
      const auto left =
          std::chrono::duration_cast<microseconds>(deadline - std::chrono::steady_clock::now());
      if (auto event = from_local(std::clamp(left, microseconds(0), nap_))) return event;
      // A nap that wake() ended looks like one that passed quietly.
      if (woken_.exchange(false) || left <= microseconds(0)) return std::nullopt;
      nap_ = std::min(2 * nap_, longest_nap);
    }
  }

  void wake() override {
    woken_ = true;
    local_->wake();
  }
  void drop(PeerId peer) override { of(peer).drop(inner(peer)); }
  [[nodiscard]] bool flushed(PeerId peer) const override {
    return (is_local(peer) ? *local_ : *remote_).flushed(inner(peer));
  }

  [[nodiscard]] std::size_t backlog(PeerId peer) const override {
    return (is_local(peer) ? *local_ : *remote_).backlog(inner(peer));
  }

  void limit_bodies(std::size_t bytes) override {
    local_->limit_bodies(bytes);
    remote_->limit_bodies(bytes);
  }

  [[nodiscard]] Traffic traffic() const override {
    Traffic sum = local_->traffic();
    const Traffic remote = remote_->traffic();
    sum.bytes_sent += remote.bytes_sent;
    sum.bytes_received += remote.bytes_received;
    sum.messages_sent += remote.messages_sent;
    sum.messages_received += remote.messages_received;
    return sum;
  }

 private:
  static constexpr microseconds shortest_nap{50};
  static constexpr microseconds longest_nap{200};
  /// Keeps "for ever" from overflowing the clock.
  static constexpr microseconds longest_patience = std::chrono::hours(24);

  static bool is_local(PeerId peer) { return peer.value >= local_peer_base; }
  static PeerId inner(PeerId peer) {
    return {is_local(peer) ? peer.value - local_peer_base : peer.value};
  }
  std::optional<Event> from_local(microseconds patience) {
    auto event = local_->poll(patience);
    if (event) event->peer.value += local_peer_base;
    return event;
  }
  Transport& of(PeerId peer) { return is_local(peer) ? *local_ : *remote_; }

  std::unique_ptr<Transport> local_;
  std::unique_ptr<Transport> remote_;
  microseconds nap_ = shortest_nap;
  bool local_first_ = false;  ///< in the poll under way
  std::atomic<bool> woken_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_both_transport(std::unique_ptr<Transport> local,
                                               std::unique_ptr<Transport> remote) {
  return std::make_unique<BothTransport>(std::move(local), std::move(remote));
}

}  // namespace raven
