#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/relay.hpp"
#include "transport/relay/body_cache.hpp"
#include "transport/relay/envelope.hpp"

namespace raven {
namespace {

using namespace relay;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

/// Messages handed to a gateway for one newcomer and not yet gone from there: as many as MPI may
/// have under way, and as many again so that there is always a next one.
constexpr std::uint32_t window = 8;
/// Keeps "for ever" from overflowing the clock.
constexpr microseconds longest_patience = std::chrono::hours(24);
/// How long a last word to gateways may take.
constexpr std::chrono::seconds farewell{2};

struct Newcomer {
  PeerId gateway;
  std::uint32_t number = 0;  ///< with its gateway
  std::deque<Message> queue = {};
  std::uint32_t under_way = 0;
  std::optional<Blob> long_head = {};
};

struct Gateway {
  bool here = false;
  bool lost = false;
  bool wedged = false;
  bool told_to_open = false;
  std::uint32_t last_number = 0;
  Clock::time_point last_heard{};
  SentBodies sent;
  std::unordered_map<std::uint32_t, PeerId> newcomers = {};
};

class MasterRelay final : public RelayTransport {
 public:
  MasterRelay(std::unique_ptr<Transport> inner, RelayOptions options)
      : inner_(std::move(inner)),
        options_(options),
        next_id_(options.first_newcomer),
        next_beat_(Clock::now()),
        attentive_since_(next_beat_),
        last_look_(next_beat_) {
    for (int rank = 1; rank <= options.gateways; ++rank) {
      gateways_.emplace(PeerId{static_cast<std::uint32_t>(rank)},
                        Gateway{.sent = SentBodies(options.kept_bytes)});
    }
  }

  ~MasterRelay() override {
    try {
      close();
    } catch (const InputError&) {
      // This process can't communicate any more: gateways learn of the end by its silence.
    }
  }
  MasterRelay(const MasterRelay&) = delete;
  MasterRelay& operator=(const MasterRelay&) = delete;

  void send(PeerId to, Message message) override {
    expects(message.head.size() <= max_head_bytes, "a message's head has at most 64 KiB");
    const auto found = newcomers_.find(to);
    if (found == newcomers_.end()) {
      for (const auto& [id, gateway] : gateways_) {
        if (to != gateway_peer(id.value)) continue;
        expects(message.body.empty() && message.head.size() + envelope_room <= max_head_bytes,
                "what a gateway itself is told is short");
        if (gateway.here && !gateway.lost) tell(id, Carried{.head = message.head});
        return;
      }
      if (!gateways_.contains(to)) inner_->send(to, std::move(message));
      return;
    }
    found->second.queue.push_back(std::move(message));
    fill_window(found->second);
  }

  std::optional<Event> poll(microseconds patience) override {
    const auto deadline = Clock::now() + std::min(patience, longest_patience);
    for (;;) {
      if (!ready_.empty()) {
        Event event = std::move(ready_.front());
        ready_.pop_front();
        return event;
      }
      const auto now = Clock::now();
      // After an absence of this process all gateways look silent: their time is counted anew.
      if (now - last_look_ > options_.lost_after / 2) attentive_since_ = now;
      last_look_ = now;
      beat(now);
      bury_the_silent(now);
      const auto until = std::min(deadline, next_beat_);
      auto event = inner_->poll(
          std::max(microseconds(0), std::chrono::duration_cast<microseconds>(until - now)));
      if (event) {
        if (!gateways_.contains(event->peer)) return event;
        on_gateway(*event);
      }
      if (!ready_.empty()) continue;
      // Also after an envelope that makes no event: a gateway that sends nothing else must not keep
      // this process from its other work.
      if (woken_.exchange(false) || Clock::now() >= deadline) return std::nullopt;
    }
  }

  void wake() override {
    woken_ = true;
    inner_->wake();
  }

  void drop(PeerId peer) override {
    const auto found = newcomers_.find(peer);
    if (found == newcomers_.end()) {
      if (!gateways_.contains(peer)) inner_->drop(peer);
      return;
    }
    tell(found->second.gateway, Dropped{found->second.number});
    forget(found);
    std::erase_if(ready_, [peer](const Event& event) { return event.peer == peer; });
  }

  [[nodiscard]] bool flushed(PeerId peer) const override {
    const auto found = newcomers_.find(peer);
    if (found != newcomers_.end()) {
      return found->second.queue.empty() && found->second.under_way == 0;
    }
    return gateways_.contains(peer) || inner_->flushed(peer);
  }

  void limit_bodies(std::size_t bytes) override {
    // A head that has no room left beside its envelope comes as a body.
    inner_->limit_bodies(std::max(bytes, max_head_bytes));
  }

  [[nodiscard]] Traffic traffic() const override {
    Traffic sum = inner_->traffic();
    const auto exchange = [](std::uint64_t& total, std::uint64_t minus, std::uint64_t plus) {
      total = (total > minus ? total - minus : 0) + plus;
    };
    exchange(sum.bytes_sent, envelopes_.bytes_sent, carried_.bytes_sent);
    exchange(sum.bytes_received, envelopes_.bytes_received, carried_.bytes_received);
    exchange(sum.messages_sent, envelopes_.messages_sent, carried_.messages_sent);
    exchange(sum.messages_received, envelopes_.messages_received, carried_.messages_received);
    return sum;
  }

  void open(const GatewayOrders& orders) override {
    orders_ = orders;
    for (auto& [id, gateway] : gateways_) tell_to_open(id, gateway);
  }

  bool spawn(const SpawnOrder& order) override {
    for (const auto& [id, gateway] : gateways_) {
      if (!gateway.here || gateway.lost || gateway.wedged) continue;
      tell(id, order);
      return true;
    }
    return false;
  }

  std::vector<GatewayNote> take_notes() override { return std::exchange(notes_, {}); }

  void close() override {
    if (std::exchange(closed_, true)) return;
    const auto deadline = Clock::now() + farewell;
    for (const auto& [id, gateway] : gateways_) {
      if (!gateway.lost) inner_->send(id, {encode(Close{}), {}});
    }
    const auto all_told = [&] {
      return std::ranges::all_of(gateways_, [&](const auto& entry) {
        return entry.second.lost || inner_->flushed(entry.first);
      });
    };
    while (!all_told() && Clock::now() < deadline) {
      (void)inner_->poll(std::chrono::milliseconds(1));
    }
  }

 private:
  using Newcomers = std::unordered_map<PeerId, Newcomer, PeerIdHash>;

  void tell(PeerId gateway, const AnyEnvelope& envelope, Blob body = {}) {
    Message message{encode(envelope), std::move(body)};
    ++envelopes_.messages_sent;
    envelopes_.bytes_sent += message.head.size() + message.body.size();
    inner_->send(gateway, std::move(message));
  }

  void tell_to_open(PeerId id, Gateway& gateway) {
    if (!orders_ || !gateway.here || gateway.lost || gateway.told_to_open) return;
    gateway.told_to_open = true;
    tell(id, *orders_);
  }

  void fill_window(Newcomer& newcomer) {
    Gateway& gateway = gateways_.at(newcomer.gateway);
    while (!newcomer.queue.empty() && newcomer.under_way < window) {
      const Message message = std::move(newcomer.queue.front());
      newcomer.queue.pop_front();
      ++newcomer.under_way;
      Carried carried{.newcomer = newcomer.number};
      carried.long_head = message.head.size() + envelope_room > max_head_bytes;
      if (!carried.long_head) carried.head = message.head;
      Blob travels = gateway.sent.place(message.body, gateway.newcomers.size() > 1, carried);
      ++carried_.messages_sent;
      carried_.bytes_sent += message.head.size() + travels.size();
      if (carried.long_head) {
        tell(newcomer.gateway, LongHead{newcomer.number}, Blob(Bytes(message.head)));
      }
      tell(newcomer.gateway, carried, std::move(travels));
    }
  }

  void beat(Clock::time_point now) {
    if (now < next_beat_) return;
    next_beat_ = now + options_.heartbeat;
    for (const auto& [id, gateway] : gateways_) {
      if (gateway.here && !gateway.lost && inner_->flushed(id)) tell(id, Alive{});
    }
  }

  void bury_the_silent(Clock::time_point now) {
    for (auto& [id, gateway] : gateways_) {
      if (gateway.here && !gateway.lost &&
          now - std::max(gateway.last_heard, attentive_since_) > options_.lost_after) {
        lose_gateway(id, "it is silent");
      }
    }
  }

  void lose_gateway(PeerId id, const std::string& reason) {
    Gateway& gateway = gateways_.at(id);
    gateway.lost = true;
    inner_->drop(id);
    note(id, {.kind = GatewayNote::Kind::lost, .text = reason});
    while (!gateway.newcomers.empty()) {
      lose(newcomers_.find(gateway.newcomers.begin()->second), "its gateway is gone: " + reason);
    }
  }

  void note(PeerId gateway, GatewayNote what) {
    what.gateway = static_cast<int>(gateway.value);
    notes_.push_back(std::move(what));
  }

  void forget(Newcomers::iterator newcomer) {
    gateways_.at(newcomer->second.gateway).newcomers.erase(newcomer->second.number);
    newcomers_.erase(newcomer);
  }

  void lose(Newcomers::iterator newcomer, std::string reason) {
    ready_.push_back({Event::Kind::lost, newcomer->first, {}, std::move(reason)});
    forget(newcomer);
  }

  void on_gateway(Event& event) {
    const PeerId id = event.peer;
    Gateway& gateway = gateways_.at(id);
    if (gateway.lost) return;
    if (event.kind == Event::Kind::lost) return lose_gateway(id, event.reason);
    gateway.here = true;
    gateway.last_heard = Clock::now();
    if (event.kind == Event::Kind::joined) return tell_to_open(id, gateway);
    ++envelopes_.messages_received;
    envelopes_.bytes_received += event.message.head.size() + event.message.body.size();
    const std::optional<AnyEnvelope> envelope = decode(event.message.head);
    const bool sound =
        envelope &&
        std::visit([&](const auto& e) { return take(id, gateway, e, event.message.body); },
                   *envelope);
    if (!sound) lose_gateway(id, "it sent a malformed envelope");
  }

  /// Each take() is false when the envelope breaks the rules. What is about somebody who was
  /// dropped in the meantime keeps them.
  Newcomers::iterator find(const Gateway& gateway, std::uint32_t number) {
    const auto known = gateway.newcomers.find(number);
    return known == gateway.newcomers.end() ? newcomers_.end() : newcomers_.find(known->second);
  }

  bool take(PeerId id, Gateway& gateway, const Joined& joined, const Blob&) {
    if (joined.newcomer <= gateway.last_number) return false;
    gateway.last_number = joined.newcomer;
    const PeerId peer{next_id_++};
    gateway.newcomers.emplace(joined.newcomer, peer);
    newcomers_.emplace(peer, Newcomer{.gateway = id, .number = joined.newcomer});
    ready_.push_back({.kind = Event::Kind::joined, .peer = peer, .gateway = id.value});
    return true;
  }

  bool take(PeerId, Gateway& gateway, const Lost& lost, const Blob&) {
    if (const auto found = find(gateway, lost.newcomer); found != newcomers_.end()) {
      lose(found, lost.reason);
    }
    return lost.newcomer <= gateway.last_number;
  }

  bool take(PeerId, Gateway& gateway, const LongHead& head, const Blob& body) {
    const auto found = find(gateway, head.newcomer);
    if (body.size() > max_head_bytes) return false;
    if (found != newcomers_.end()) found->second.long_head = body;
    return head.newcomer <= gateway.last_number;
  }

  bool take(PeerId id, Gateway& gateway, const Carried& carried, const Blob& body) {
    // Gradients differ, so nothing is ever kept in this direction.
    if (carried.place != (body.empty() ? Carried::Body::none : Carried::Body::here)) return false;
    if (carried.newcomer == 0) {
      ready_.push_back({.kind = Event::Kind::message,
                        .peer = gateway_peer(id.value),
                        .message = {Bytes(carried.head.begin(), carried.head.end()), body},
                        .gateway = id.value});
      ++carried_.messages_received;
      carried_.bytes_received += carried.head.size() + body.size();
      return !carried.long_head;
    }
    const auto found = find(gateway, carried.newcomer);
    if (found == newcomers_.end()) return carried.newcomer <= gateway.last_number;
    ByteSpan head = carried.head;
    const std::optional<Blob> long_head = std::exchange(found->second.long_head, std::nullopt);
    if (carried.long_head != long_head.has_value()) return false;
    if (long_head) head = long_head->bytes();
    ++carried_.messages_received;
    carried_.bytes_received += head.size() + body.size();
    ready_.push_back({.kind = Event::Kind::message,
                      .peer = found->first,
                      .message = {Bytes(head.begin(), head.end()), body},
                      .gateway = id.value});
    return true;
  }

  bool take(PeerId, Gateway& gateway, const Departed& departed, const Blob&) {
    for (const auto& [number, count] : departed.counts) {
      const auto found = find(gateway, number);
      if (number > gateway.last_number) return false;
      if (found == newcomers_.end()) continue;
      if (count > found->second.under_way) return false;
      found->second.under_way -= count;
      fill_window(found->second);
    }
    return true;
  }

  bool take(PeerId id, Gateway& gateway, const GatewayNote& what, const Blob&) {
    if (what.kind == GatewayNote::Kind::wedged) gateway.wedged = true;
    if (what.kind == GatewayNote::Kind::recovered) gateway.wedged = false;
    note(id, what);
    return true;
  }

  bool take(PeerId, Gateway&, const Alive&, const Blob&) { return true; }

  /// What only a master sends.
  template <class T>
  bool take(PeerId, Gateway&, const T&, const Blob&) {
    return false;
  }

  std::unique_ptr<Transport> inner_;
  RelayOptions options_;
  std::uint32_t next_id_;
  Clock::time_point next_beat_;
  Clock::time_point attentive_since_;  ///< without a longer absence
  Clock::time_point last_look_;
  std::map<PeerId, Gateway> gateways_;
  Newcomers newcomers_;
  std::deque<Event> ready_;
  std::vector<GatewayNote> notes_;
  std::optional<GatewayOrders> orders_;
  Traffic carried_;    ///< what newcomers sent and were sent
  Traffic envelopes_;  ///< what gateways sent and were sent
  std::atomic<bool> woken_ = false;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<RelayTransport> make_relay_transport(std::unique_ptr<Transport> inner,
                                                     RelayOptions options) {
  return std::make_unique<MasterRelay>(std::move(inner), options);
}

}  // namespace raven
