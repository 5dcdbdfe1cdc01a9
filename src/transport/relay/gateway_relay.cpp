#include "transport/relay/gateway_relay.hpp"

#include <algorithm>
#include <utility>

namespace raven::relay {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr PeerId master{0};
/// Events handled before departures are reported.
constexpr int most_at_once = 64;

}  // namespace

GatewayRelay::GatewayRelay(Transport& transport, Hooks hooks, Options options)
    : transport_(transport),
      hooks_(std::move(hooks)),
      options_(options),
      received_(options.kept_bytes),
      last_heard_(Clock::now()),
      next_beat_(Clock::now()) {}

void GatewayRelay::step(microseconds patience) {
  const auto now = Clock::now();
  if (now >= next_beat_) {
    next_beat_ = now + options_.heartbeat;
    if (transport_.flushed(master)) to_master(Alive{});
  }
  // While messages are leaving, somebody has to see them go.
  const bool departing = std::ranges::any_of(
      newcomers_, [](const auto& entry) { return entry.second.handed_over > 0; });
  if (departing) patience = std::min(patience, microseconds(100));
  patience = std::min(patience, microseconds(std::chrono::duration_cast<microseconds>(
                                    std::max(next_beat_ - now, Clock::duration(0)))));
  for (int i = 0; i < most_at_once && !finished_; ++i) {
    auto event = transport_.poll(i == 0 ? patience : microseconds(0));
    if (!event) break;
    if (event->peer == master) {
      on_master(*event);
    } else {
      on_newcomer(*event);
    }
  }
  report_departures();
  if (!finished_ && Clock::now() - last_heard_ > options_.master_lost_after) {
    quit("the master is silent");
  }
}

void GatewayRelay::lose(PeerId newcomer, const std::string& reason) {
  if (!newcomers_.contains(newcomer)) return;
  transport_.drop(newcomer);
  to_master(Lost{newcomer.value, reason});
  forget(newcomer);
}

bool GatewayRelay::forget(PeerId newcomer) {
  if (newcomers_.erase(newcomer) == 0) return false;
  if (options_.passage == nullptr) return true;
  std::vector<Passage::Inward> inward;
  options_.passage->lost(newcomer, inward);
  pass_on(std::move(inward));
  return true;
}

bool GatewayRelay::flushed() const {
  return std::ranges::all_of(newcomers_,
                             [&](const auto& entry) { return transport_.flushed(entry.first); });
}

void GatewayRelay::to_master(const AnyEnvelope& envelope, Blob body) {
  transport_.send(master, {encode(envelope), std::move(body)});
}

void GatewayRelay::quit(std::string why) {
  finished_ = true;
  complaint_ = std::move(why);
}

void GatewayRelay::on_master(const Event& event) {
  if (event.kind == Event::Kind::lost) return quit("the master is gone: " + event.reason);
  last_heard_ = Clock::now();
  if (event.kind == Event::Kind::joined) return;
  const std::optional<AnyEnvelope> envelope = decode(event.message.head);
  const bool sound =
      envelope && std::visit([&](const auto& e) { return take(e, event.message.body); }, *envelope);
  if (!sound) quit("the master sent a malformed envelope");
}

void GatewayRelay::on_newcomer(Event& event) {
  const PeerId peer = event.peer;
  if (event.kind == Event::Kind::joined) {
    newcomers_.emplace(peer, Newcomer{});
    return to_master(Joined{peer.value});
  }
  if (!newcomers_.contains(peer)) return;
  if (event.kind == Event::Kind::lost) {
    to_master(Lost{peer.value, event.reason});
    forget(peer);
    return hooks_.on_gone(peer);
  }
  if (options_.passage == nullptr) return pass_on(peer, std::move(event.message));
  std::vector<Passage::Inward> inward;
  if (options_.passage->inward(peer, std::move(event.message), inward)) {
    return pass_on(std::move(inward));
  }
  lose(peer, "it sent what only gateways send");
  hooks_.on_gone(peer);
}

void GatewayRelay::look_at(PeerId to, ByteSpan head) {
  if (options_.passage == nullptr) return;
  std::vector<Passage::Inward> inward;
  options_.passage->outward(to, head, inward);
  pass_on(std::move(inward));
}

void GatewayRelay::pass_on(std::vector<Passage::Inward> messages) {
  for (auto& [newcomer, message] : messages) pass_on(newcomer, std::move(message));
}

void GatewayRelay::pass_on(PeerId peer, Message message) {
  Carried carried{.newcomer = peer.value};
  carried.long_head = message.head.size() + envelope_room > Transport::max_head_bytes;
  carried.place = message.body.empty() ? Carried::Body::none : Carried::Body::here;
  if (carried.long_head) {
    to_master(LongHead{peer.value}, Blob(std::move(message.head)));
  } else {
    carried.head = message.head;
  }
  to_master(carried, std::move(message.body));
}

void GatewayRelay::report_departures() {
  Departed departed;
  for (auto& [peer, newcomer] : newcomers_) {
    const auto left = static_cast<std::uint32_t>(
        newcomer.handed_over -
        std::min<std::size_t>(newcomer.handed_over, transport_.backlog(peer)));
    if (left == 0) continue;
    newcomer.handed_over -= left;
    departed.counts.emplace_back(peer.value, left);
  }
  if (!departed.counts.empty()) to_master(departed);
}

bool GatewayRelay::take(const Carried& carried, const Blob& body) {
  std::optional<Blob> resolved = received_.resolve(carried, body);
  if (!resolved) return false;
  if (PeerId{carried.newcomer} == Passage::gateway) {
    look_at(Passage::gateway, carried.head);
    return true;
  }
  const auto found = newcomers_.find(PeerId{carried.newcomer});
  if (found == newcomers_.end()) return true;  // lost in the meantime
  ByteSpan head = carried.head;
  const std::optional<Blob> long_head = std::exchange(found->second.long_head, std::nullopt);
  if (carried.long_head != long_head.has_value()) return false;
  if (long_head) head = long_head->bytes();
  look_at(found->first, head);
  ++found->second.handed_over;
  transport_.send(found->first, {Bytes(head.begin(), head.end()), std::move(*resolved)});
  return true;
}

bool GatewayRelay::take(const LongHead& head, const Blob& body) {
  if (body.size() > Transport::max_head_bytes) return false;
  const auto found = newcomers_.find(PeerId{head.newcomer});
  if (found != newcomers_.end()) found->second.long_head = body;
  return true;
}

bool GatewayRelay::take(const Dropped& dropped, const Blob&) {
  const PeerId peer{dropped.newcomer};
  if (!forget(peer)) return true;
  transport_.drop(peer);
  hooks_.on_gone(peer);
  return true;
}

bool GatewayRelay::take(const GatewayOrders& orders, const Blob&) {
  options_.master_lost_after = orders.master_lost_after;
  hooks_.on_orders(orders);
  return true;
}

bool GatewayRelay::take(const SpawnOrder& order, const Blob&) {
  hooks_.on_spawn(order);
  return true;
}

bool GatewayRelay::take(const Close&, const Blob&) {
  finished_ = true;
  return true;
}

}  // namespace raven::relay
