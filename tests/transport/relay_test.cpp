#include "raven/transport/relay.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <span>

#include "raven/core/error.hpp"
#include "raven/core/random.hpp"
#include "raven/transport/local.hpp"
#include "transport/gateway_thread.hpp"
#include "transport/relay/body_cache.hpp"
#include "transport/relay/envelope.hpp"

namespace raven {
namespace {

using namespace std::chrono_literals;
using namespace relay;

constexpr PeerId master{0};

bool same(ByteSpan a, ByteSpan b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

Blob body_of(std::size_t size, int value) {
  return Blob(Bytes(size, static_cast<std::byte>(value)));
}

/// The next event of `transport` that is not its peer's coming.
Event next(Transport& transport) {
  for (int i = 0; i < 1000; ++i) {
    auto event = transport.poll(100ms);
    if (event && event->kind != Event::Kind::joined) return std::move(*event);
  }
  ADD_FAILURE() << "an event that had to come did not";
  return {Event::Kind::lost, PeerId{99}};
}

std::vector<AnyEnvelope> one_of_each() {
  static const Bytes head(7, std::byte{5});
  return {
      Joined{3},
      Lost{4, "gone"},
      Carried{.newcomer = 5,
              .place = Carried::Body::here_keep,
              .body = 6,
              .keep_from = 2,
              .head = head},
      LongHead{9},
      Departed{{{1, 2}, {3, 4}}},
      Dropped{8},
      Alive{},
      Close{},
      GatewayOrders{.token = digest_of({}), .let_in = 3s, .master_lost_after = 4s},
      SpawnOrder{.count = 2, .host = "n3"},
      GatewayNote{
          .kind = GatewayNote::Kind::wedged, .address = "a", .port = 7, .count = 1, .text = "t"}};
}

TEST(RelayEnvelope, what_was_encoded_is_decoded) {
  const auto all = one_of_each();
  ASSERT_EQ(all.size(), std::variant_size_v<AnyEnvelope>);
  for (std::size_t kind = 0; kind < all.size(); ++kind) {
    ASSERT_EQ(all[kind].index(), kind);
    const Bytes bytes = encode(all[kind]);
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded) << kind;
    EXPECT_EQ(decoded->index(), kind);
    EXPECT_EQ(encode(*decoded), bytes) << kind;
  }
}

TEST(RelayEnvelope, a_flipped_bit_or_a_missing_end_is_noticed) {
  for (const AnyEnvelope& envelope : one_of_each()) {
    const Bytes bytes = encode(envelope);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      Bytes bad = bytes;
      bad[bit / 8] ^= std::byte{1} << (bit % 8);
      EXPECT_FALSE(decode(bad)) << envelope.index() << " bit " << bit;
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode(ByteSpan(bytes).first(size)));
    }
  }
}

TEST(RelayEnvelope, texts_are_cut) {
  const auto decoded = decode(encode(Lost{1, std::string(5000, 'x')}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Lost>(*decoded).reason.size(), longest_text);
}

TEST(RelayBodies, both_ends_agree_for_any_order_of_bodies) {
  constexpr std::size_t most = 100'000;
  SentBodies sent(most);
  ReceivedBodies received(most);
  RandomStream random({.seed = 4});
  std::vector<Blob> bodies;
  for (int i = 0; i < 40; ++i) bodies.push_back(body_of(random.below(30'000), i));
  std::size_t travelled = 0;
  std::size_t total = 0;
  for (int i = 0; i < 5000; ++i) {
    const Blob& body = bodies[random.below(i % 1000 < 700 ? 5 : 40)];
    Carried carried;
    const Blob on_the_way = sent.place(body, random.below(100) > 0, carried);
    const auto arrived = received.resolve(carried, on_the_way);
    ASSERT_TRUE(arrived);
    ASSERT_TRUE(same(arrived->bytes(), body.bytes()));
    travelled += on_the_way.size();
    total += body.size();
  }
  EXPECT_LT(travelled, total / 2);
}

TEST(RelayBodies, a_body_goes_once_and_again_when_it_had_to_be_forgotten) {
  SentBodies sent(10'000);
  const Blob first = body_of(6000, 1);
  const Blob second = body_of(6000, 2);
  const auto travels = [&](const Blob& body) {
    Carried carried;
    return !sent.place(body, true, carried).empty();
  };
  EXPECT_TRUE(travels(first));
  EXPECT_FALSE(travels(first));
  EXPECT_TRUE(travels(second));
  EXPECT_FALSE(travels(second));
  EXPECT_TRUE(travels(first));
}

TEST(RelayBodies, a_sender_that_breaks_the_rules_is_found_out) {
  const Blob body = body_of(6000, 1);
  const auto resolve = [&](Carried carried, const Blob& travelled) {
    ReceivedBodies received(10'000);
    EXPECT_TRUE(
        received.resolve({.place = Carried::Body::here_keep, .body = 1, .keep_from = 1}, body));
    return received.resolve(carried, travelled).has_value();
  };
  using Place = Carried::Body;
  EXPECT_TRUE(resolve({.place = Place::kept, .body = 1, .keep_from = 1}, {}));
  EXPECT_FALSE(resolve({.place = Place::kept, .body = 1, .keep_from = 1}, body));
  EXPECT_FALSE(resolve({.place = Place::kept, .body = 2, .keep_from = 1}, {}));
  EXPECT_FALSE(resolve({.place = Place::kept, .body = 0, .keep_from = 1}, {}));
  EXPECT_FALSE(resolve({.place = Place::kept, .body = 1, .keep_from = 2}, {}));
  EXPECT_FALSE(resolve({.place = Place::none, .keep_from = 3}, {}));
  EXPECT_FALSE(resolve({.place = Place::none, .keep_from = 1}, body));
  EXPECT_FALSE(resolve({.place = Place::here, .keep_from = 1}, {}));
  // More than was agreed, also when it comes in small portions; the same number twice; small
  // change.
  EXPECT_FALSE(resolve({.place = Place::here_keep, .body = 2, .keep_from = 1}, body));
  EXPECT_TRUE(resolve({.place = Place::here_keep, .body = 2, .keep_from = 2}, body));
  EXPECT_FALSE(resolve({.place = Place::here_keep, .body = 1, .keep_from = 1}, body_of(4096, 1)));
  EXPECT_FALSE(resolve({.place = Place::here_keep, .body = 2, .keep_from = 1}, body_of(1, 1)));
}

/// A master with gateways that the test plays by hand.
struct Played {
  LocalHub hub;
  std::unique_ptr<RelayTransport> master_side;
  std::vector<std::unique_ptr<Transport>> gateways;

  explicit Played(int count, RelayOptions options = {}) {
    options.gateways = count;
    options.first_newcomer = 100;
    master_side = make_relay_transport(hub.master(), options);
    for (int i = 0; i < count; ++i) gateways.push_back(hub.join());
  }
  void say(const AnyEnvelope& envelope, Blob body = {}, std::size_t gateway = 0) {
    gateways[gateway]->send(master, {encode(envelope), std::move(body)});
  }
  std::optional<Event> event() { return master_side->poll(50ms); }
};

TEST(Relay, gateways_are_no_peers_and_newcomers_are) {
  Played played(2);
  played.say(Joined{1}, {}, 0);
  played.say(Joined{1}, {}, 1);
  const auto first = played.event();
  const auto second = played.event();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->kind, Event::Kind::joined);
  EXPECT_EQ(first->peer, PeerId{100});
  EXPECT_EQ(second->peer, PeerId{101});
  EXPECT_FALSE(played.event());
  played.master_side->send(PeerId{1}, {Bytes(3), {}});  // to a gateway itself: nobody
  EXPECT_TRUE(played.master_side->flushed(PeerId{1}));
}

TEST(Relay, a_gateway_that_breaks_the_rules_is_lost_with_its_newcomers_and_nobody_else) {
  const Bytes head(3);
  const std::vector<std::pair<AnyEnvelope, Blob>> offences = {
      {Joined{1}, {}},                                             // a number twice
      {Joined{0}, {}},                                             // or a smaller one
      {Lost{7, ""}, {}},                                           // of somebody who never came
      {Carried{.newcomer = 7}, {}},                                //
      {Carried{.newcomer = 1, .long_head = true}, {}},             // without the head
      {Carried{.newcomer = 1, .place = Carried::Body::here}, {}},  // without the body
      {Carried{.newcomer = 1}, body_of(5, 1)},                     // with one too many
      {Carried{.newcomer = 1, .place = Carried::Body::kept}, {}},  // only the master may refer
      {Departed{{{1, 1}}}, {}},                                    // what was never handed over
      {Departed{{{9, 0}}}, {}},                                    //
      {LongHead{1}, body_of(Transport::max_head_bytes + 1, 1)},    //
      {Dropped{1}, {}},                                            // what only a master says
      {Close{}, {}},
      {SpawnOrder{}, {}}};
  for (std::size_t i = 0; i < offences.size(); ++i) {
    Played played(2);
    played.say(Joined{1}, {}, 0);
    played.say(Joined{1}, {}, 1);
    ASSERT_TRUE(played.event() && played.event());
    played.say(offences[i].first, offences[i].second, 0);
    const auto lost = played.event();
    ASSERT_TRUE(lost) << "offence " << i;
    EXPECT_EQ(lost->kind, Event::Kind::lost) << "offence " << i;
    EXPECT_EQ(lost->peer, PeerId{100});
    EXPECT_FALSE(played.event());
    const auto notes = played.master_side->take_notes();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_EQ(notes[0].kind, GatewayNote::Kind::lost);
    EXPECT_EQ(notes[0].gateway, 1);
    played.say(Carried{.newcomer = 1, .head = head}, {}, 1);
    const auto honest = played.event();
    ASSERT_TRUE(honest);
    EXPECT_EQ(honest->kind, Event::Kind::message);
    EXPECT_EQ(honest->peer, PeerId{101});
  }
}

TEST(Relay, garbage_loses_the_gateway) {
  RandomStream random({.seed = 9});
  for (int round = 0; round < 300; ++round) {
    Played played(1);
    played.say(Joined{1});
    ASSERT_TRUE(played.event());
    Bytes bytes = encode(one_of_each()[random.below(11)]);
    if (round % 3 == 0) bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size())));
    for (int i = 0; i < 3 && !bytes.empty(); ++i) {
      bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] ^=
          static_cast<std::byte>(1 + random.below(255));
    }
    played.gateways[0]->send(master, {std::move(bytes), body_of(random.below(3), 1)});
    const auto lost = played.event();
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->kind, Event::Kind::lost);
  }
}

TEST(Relay, a_silent_gateway_is_lost_with_its_newcomers) {
  Played played(1, {.heartbeat = 5ms, .lost_after = 30ms});
  played.say(Joined{1});
  ASSERT_TRUE(played.event());
  const Event lost = next(*played.master_side);
  EXPECT_EQ(lost.kind, Event::Kind::lost);
  EXPECT_NE(lost.reason.find("silent"), std::string::npos);
}

/// An inner transport whose gateway says "still here" at every look.
class Chattering final : public Transport {
 public:
  explicit Chattering(std::uint64_t most) : left_(most) {}
  void send(PeerId, Message) override {}
  std::optional<Event> poll(std::chrono::microseconds) override {
    if (left_ == 0) throw InputError("the relay polled on and on", "");
    --left_;
    return Event{Event::Kind::message, PeerId{1}, {encode(Alive{}), {}}};
  }
  void wake() override {}
  void drop(PeerId) override {}
  [[nodiscard]] bool flushed(PeerId) const override { return true; }
  void limit_bodies(std::size_t) override {}
  [[nodiscard]] Traffic traffic() const override { return {}; }

 private:
  std::uint64_t left_;
};

TEST(Relay, a_gateway_that_only_chatters_does_not_hold_up_a_poll) {
  const auto relay = make_relay_transport(std::make_unique<Chattering>(1), {.gateways = 1});
  EXPECT_FALSE(relay->poll(0us));
}

TEST(Relay, a_transport_that_fails_at_the_end_does_not_end_the_process) {
  class Broken final : public Transport {
   public:
    void send(PeerId, Message) override {}
    std::optional<Event> poll(std::chrono::microseconds) override {
      throw InputError("no communication any more", "");
    }
    void wake() override {}
    void drop(PeerId) override {}
    [[nodiscard]] bool flushed(PeerId) const override { return false; }
    void limit_bodies(std::size_t) override {}
    [[nodiscard]] Traffic traffic() const override { return {}; }
  };
  auto relay = make_relay_transport(std::make_unique<Broken>(), {.gateways = 1});
  EXPECT_THROW((void)relay->poll(0us), InputError);
  relay.reset();
}

TEST(Relay, no_more_than_a_window_is_on_its_way_to_one_newcomer) {
  Played played(1);
  played.say(Joined{1});
  played.say(Joined{2});
  ASSERT_TRUE(played.event() && played.event());
  for (int i = 0; i < 50; ++i) played.master_side->send(PeerId{100}, {Bytes(1), {}});
  played.master_side->send(PeerId{101}, {Bytes(2), {}});
  const auto arrived = [&](std::uint32_t newcomer) {
    int count = 0;
    while (auto event = played.gateways[0]->poll(0us)) {
      if (event->kind != Event::Kind::message) continue;
      const auto envelope = decode(event->message.head);
      const auto* carried = envelope ? std::get_if<Carried>(&*envelope) : nullptr;
      count += carried != nullptr && carried->newcomer == newcomer ? 1 : 0;
      if (carried != nullptr && carried->newcomer == 2) {
        EXPECT_EQ(carried->head.size(), 2U);
      }
    }
    return count;
  };
  EXPECT_EQ(arrived(1), 8);
  EXPECT_FALSE(played.master_side->flushed(PeerId{100}));
  played.say(Departed{{{1, 3}}});
  EXPECT_FALSE(played.event());
  EXPECT_EQ(arrived(1), 3);
}

TEST(Relay, a_dropped_newcomer_is_not_heard_of_again) {
  Played played(1);
  played.say(Joined{1});
  ASSERT_TRUE(played.event());
  played.master_side->drop(PeerId{100});
  played.say(Carried{.newcomer = 1});
  played.say(Departed{{{1, 1}}});
  played.say(Lost{1, "gone"});
  EXPECT_FALSE(played.event());
  EXPECT_TRUE(played.master_side->take_notes().empty());
}

TEST(Relay, orders_reach_a_gateway_and_a_wedged_one_is_passed_over) {
  Played played(2);
  played.master_side->open({.token = digest_of({}), .let_in = 7s});
  EXPECT_FALSE(played.master_side->spawn({.count = 1}));  // nobody is there yet
  EXPECT_FALSE(played.event());
  const auto ordered = [&](std::size_t gateway) {
    std::string kinds;
    while (auto event = played.gateways[gateway]->poll(0us)) {
      if (event->kind != Event::Kind::message) continue;
      const auto envelope = decode(event->message.head);
      EXPECT_TRUE(envelope);
      if (std::holds_alternative<GatewayOrders>(*envelope)) kinds += "o";
      if (std::holds_alternative<SpawnOrder>(*envelope)) kinds += "s";
    }
    return kinds;
  };
  EXPECT_TRUE(played.master_side->spawn({.count = 1}));
  EXPECT_EQ(ordered(0), "os");
  played.say(GatewayNote{.kind = GatewayNote::Kind::wedged}, {}, 0);
  EXPECT_FALSE(played.event());
  EXPECT_TRUE(played.master_side->spawn({.count = 1}));
  EXPECT_EQ(ordered(0), "");
  EXPECT_EQ(ordered(1), "os");
  played.say(GatewayNote{.kind = GatewayNote::Kind::recovered}, {}, 0);
  EXPECT_FALSE(played.event());
  EXPECT_TRUE(played.master_side->spawn({.count = 1}));
  EXPECT_EQ(ordered(0), "s");
}

TEST(Relay, a_body_for_three_newcomers_travels_once) {
  LocalHub inner;
  LocalHub outer;
  auto relay = make_relay_transport(inner.master(), {.gateways = 1});
  std::vector<std::unique_ptr<Transport>> newcomers;
  for (int i = 0; i < 3; ++i) newcomers.push_back(outer.join());
  GatewayThread gateway(inner.join(), outer.master());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(relay->poll(120s));
  const Blob body = body_of(1'000'000, 7);
  for (std::uint32_t peer = 1; peer <= 3; ++peer) relay->send(PeerId{peer}, {Bytes(10), body});
  EXPECT_EQ(relay->traffic().bytes_sent, 1'000'030U);
  for (const auto& newcomer : newcomers) {
    const Event event = next(*newcomer);
    EXPECT_EQ(event.message.head, Bytes(10));
    EXPECT_TRUE(same(event.message.body.bytes(), body.bytes()));
  }
  relay.reset();
  EXPECT_EQ(gateway.end(), "");
}

TEST(Relay, a_gateway_ends_when_its_master_breaks_the_rules_or_is_gone) {
  for (const bool speaks : {true, false}) {
    LocalHub inner;
    LocalHub outer;
    auto plain = inner.master();
    GatewayThread gateway(inner.join(), outer.master());
    ASSERT_TRUE(plain->poll(120s));
    if (speaks) plain->send(PeerId{1}, {Bytes(100), {}});
    if (!speaks) plain.reset();
    EXPECT_NE(gateway.end(), "");
  }
}

}  // namespace
}  // namespace raven
