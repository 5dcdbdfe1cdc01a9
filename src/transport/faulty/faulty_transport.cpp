#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <map>
#include <utility>

#include "raven/core/random.hpp"
#include "raven/transport/faulty.hpp"

namespace raven {
namespace {

/// Messages taken from the inner transport in one poll, so that a fast sender can't hold up the
/// caller.
constexpr int most_taken = 64;

/// Purposes of random streams.
enum Purpose : std::uint32_t { incoming_faults = 1, outgoing_faults = 2, order_of_peers = 3 };

void flip_bit(Bytes& bytes, RandomStream& random) {
  if (bytes.empty()) return;
  const auto limit = std::min<std::size_t>(bytes.size(), std::numeric_limits<std::uint32_t>::max());
  bytes[random.below(static_cast<std::uint32_t>(limit))] ^= std::byte{1} << random.below(8);
}

Bytes copy_of(const Blob& body) { return {body.bytes().begin(), body.bytes().end()}; }

/// A part of `size`, shorter than it. @pre size > 0
std::size_t shorter(std::size_t size, RandomStream& random) {
  return static_cast<std::size_t>(random.uniform() * static_cast<float>(size)) % size;
}

/// Tampers with `message` and says how often it is to arrive.
int tamper(Message& message, const FaultRates& rates, RandomStream& random) {
  // All are drawn, whatever comes of it: raising one rate leaves the others' victims the same.
  const bool corrupts_head = random.uniform() < rates.corrupt_head;
  const bool corrupts_body = random.uniform() < rates.corrupt_body;
  const bool truncates = random.uniform() < rates.truncate;
  const bool duplicates = random.uniform() < rates.duplicate;
  if (corrupts_head) flip_bit(message.head, random);
  if (corrupts_body && !message.body.empty()) {
    Bytes body = copy_of(message.body);
    flip_bit(body, random);
    message.body = Blob(std::move(body));
  }
  if (truncates && !message.body.empty()) {
    const std::size_t left = shorter(message.body.size(), random);
    message.body = Blob(message.body.owner(), message.body.bytes().first(left));
  } else if (truncates && !message.head.empty()) {
    message.head.resize(shorter(message.head.size(), random));
  }
  return duplicates ? 2 : 1;
}

class FaultyTransport final : public Transport {
 public:
  FaultyTransport(std::unique_ptr<Transport> inner, FaultPlan plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  void send(PeerId to, Message message) override {
    RandomStream random({plan_.seed, ++sent_[to], outgoing_faults, to.value});
    const int copies = tamper(message, plan_.outgoing, random);
    if (copies > 1) inner_->send(to, message);
    inner_->send(to, std::move(message));
  }

  std::optional<Event> poll(std::chrono::microseconds patience) override {
    ++polls_;
    for (int taken = 0; taken < most_taken; ++taken) {
      auto event = inner_->poll(std::chrono::microseconds(0));
      if (!event) break;
      admit(std::move(*event));
    }
    if (auto event = pick()) return event;
    // The polls above may have used up the inner transport's own note of a wake().
    if (woken_.exchange(false) || held_ > 0) return std::nullopt;
    auto event = inner_->poll(patience);
    woken_ = false;
    if (!event) return std::nullopt;
    admit(std::move(*event));
    return pick();
  }

  void wake() override {
    woken_ = true;
    inner_->wake();
  }

  void drop(PeerId peer) override {
    inner_->drop(peer);
    close_lane(peer);
  }

  bool flushed(PeerId peer) const override { return inner_->flushed(peer); }
  void limit_bodies(std::size_t bytes) override { inner_->limit_bodies(bytes); }
  Traffic traffic() const override { return inner_->traffic(); }

 private:
  struct Held {
    Event event;
    std::uint64_t arrival;
    std::uint64_t release_poll;
  };
  /// What came from one peer and has not been handed on.
  struct Lane {
    std::deque<Held> held;
    std::uint64_t received = 0;
  };

  void admit(Event event) {
    const PeerId peer = event.peer;
    Lane& lane = lanes_[peer];
    if (event.kind != Event::Kind::message) return hold(lane, std::move(event), polls_);
    ++lane.received;
    for (const PlannedDeath& death : plan_.deaths) {
      if (death.peer != peer || death.at_message != lane.received) continue;
      inner_->drop(peer);
      if (death.kind == PlannedDeath::Kind::seen) {
        hold(lane, Event{Event::Kind::lost, peer, {}, "its death was planned"}, polls_);
      }
      return;
    }
    RandomStream random({plan_.seed, lane.received, incoming_faults, peer.value});
    std::uint64_t release = polls_;
    const bool delays = random.uniform() < plan_.delay;
    const std::uint32_t polls = 1 + random.below(std::max(plan_.longest_delay_polls, 1U));
    if (delays) release += polls;
    const int copies = tamper(event.message, plan_.incoming, random);
    if (copies > 1) hold(lane, event, release);
    hold(lane, std::move(event), release);
  }

  void hold(Lane& lane, Event event, std::uint64_t release_poll) {
    lane.held.push_back({std::move(event), ++arrivals_, release_poll});
    ++held_;
  }

  /// The next event that is due; none if all are held back.
  std::optional<Event> pick() {
    std::vector<Lane*> due;
    Lane* oldest = nullptr;
    for (auto& [peer, lane] : lanes_) {
      if (lane.held.empty() || lane.held.front().release_poll > polls_) continue;
      due.push_back(&lane);
      if (!oldest || lane.held.front().arrival < oldest->held.front().arrival) oldest = &lane;
    }
    if (due.empty()) return std::nullopt;
    Lane* chosen = oldest;
    if (plan_.reorder_across_peers) {
      RandomStream random({plan_.seed, polls_, order_of_peers, 0});
      chosen = due[random.below(static_cast<std::uint32_t>(due.size()))];
    }
    Event event = std::move(chosen->held.front().event);
    chosen->held.pop_front();
    --held_;
    return event;
  }

  void close_lane(PeerId peer) {
    const auto found = lanes_.find(peer);
    if (found == lanes_.end()) return;
    held_ -= found->second.held.size();
    found->second.held.clear();
  }

  std::unique_ptr<Transport> inner_;
  FaultPlan plan_;
  std::map<PeerId, Lane> lanes_;  // ordered, so that a choice among them is the same every time
  std::map<PeerId, std::uint64_t> sent_;
  std::uint64_t polls_ = 0;
  std::uint64_t arrivals_ = 0;
  std::size_t held_ = 0;
  std::atomic<bool> woken_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_faulty_transport(std::unique_ptr<Transport> inner, FaultPlan plan) {
  return std::make_unique<FaultyTransport>(std::move(inner), std::move(plan));
}

}  // namespace raven
