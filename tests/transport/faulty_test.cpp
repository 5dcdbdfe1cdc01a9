#include "raven/transport/faulty.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "raven/transport/local.hpp"

namespace raven {
namespace {

using namespace std::chrono_literals;

constexpr PeerId master{0};

Message message(std::uint32_t number, std::size_t body_bytes = 100) {
  ByteWriter head;
  head.put(number);
  return {head.take(), Blob(Bytes(body_bytes, std::byte{7}))};
}

std::uint32_t number_of(const Message& from) { return ByteReader(from.head).get<std::uint32_t>(); }

/// A master behind a plan and two plain contributors, on one thread.
struct Rig {
  explicit Rig(FaultPlan plan)
      : faulty(make_faulty_transport(hub.master(), std::move(plan))),
        one(hub.join()),
        two(hub.join()) {}

  /// All messages and losses that come within so many polls.
  std::vector<Event> drain(int polls = 1000) {
    std::vector<Event> events;
    for (int i = 0; i < polls; ++i) {
      auto event = faulty->poll(0us);
      if (event && event->kind != Event::Kind::joined) events.push_back(std::move(*event));
    }
    return events;
  }

  LocalHub hub;
  std::unique_ptr<Transport> faulty;
  std::unique_ptr<Transport> one;
  std::unique_ptr<Transport> two;
};

int flipped_bits(ByteSpan a, ByteSpan b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    bits += std::popcount(std::to_integer<unsigned>(a[i] ^ b[i]));
  return bits;
}

TEST(Faulty, a_peer_dies_at_its_planned_message_and_is_seen_to) {
  Rig rig({.deaths = {{.peer = PeerId{1}, .at_message = 3}}});
  for (std::uint32_t n = 1; n <= 5; ++n) rig.one->send(master, message(n));
  const auto events = rig.drain();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(number_of(events[1].message), 2U);
  EXPECT_EQ(events[2].kind, Event::Kind::lost);
  EXPECT_EQ(events[2].peer, PeerId{1});
}

TEST(Faulty, a_silent_death_brings_silence) {
  Rig rig({.deaths = {{.peer = PeerId{1}, .at_message = 1, .kind = PlannedDeath::Kind::silent}}});
  rig.one->send(master, message(1));
  rig.two->send(master, message(2));
  rig.one.reset();
  const auto events = rig.drain();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].peer, PeerId{2});
}

TEST(Faulty, one_bit_of_a_head_or_a_body_is_corrupted) {
  Rig rig({.seed = 1, .incoming = {.corrupt_head = 1, .corrupt_body = 1}});
  const Message sent = message(5);
  rig.one->send(master, sent);
  const auto events = rig.drain();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(flipped_bits(events[0].message.head, sent.head), 1);
  EXPECT_EQ(flipped_bits(events[0].message.body.bytes(), sent.body.bytes()), 1);
  EXPECT_EQ(sent.body.bytes()[0], std::byte{7}) << "the sender's own bytes stay as they are";
}

TEST(Faulty, messages_are_truncated) {
  Rig rig({.incoming = {.truncate = 1}});
  rig.one->send(master, message(1));
  rig.one->send(master, message(2, 0));
  const auto events = rig.drain();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_LT(events[0].message.body.size(), 100U);
  EXPECT_LT(events[1].message.head.size(), 4U);
}

TEST(Faulty, messages_are_duplicated_in_both_directions) {
  Rig rig({.incoming = {.duplicate = 1}, .outgoing = {.duplicate = 1}});
  rig.one->send(master, message(1));
  EXPECT_EQ(rig.drain().size(), 2U);
  rig.faulty->send(PeerId{1}, message(2));
  int arrived = 0;
  while (const auto event = rig.one->poll(0us))
    arrived += event->kind == Event::Kind::message ? 1 : 0;
  EXPECT_EQ(arrived, 2);
}

TEST(Faulty, a_delay_is_counted_in_polls_and_keeps_the_order_of_a_peer) {
  Rig rig({.seed = 3, .delay = 0.5, .longest_delay_polls = 10});
  for (std::uint32_t n = 0; n < 50; ++n) rig.one->send(master, message(n));
  const auto start = rig.drain(5);
  EXPECT_LT(start.size(), 5U);
  const auto rest = rig.drain(1000);
  ASSERT_EQ(start.size() + rest.size(), 50U);
  std::uint32_t expected = static_cast<std::uint32_t>(start.size());
  for (const Event& event : rest) EXPECT_EQ(number_of(event.message), expected++);
}

TEST(Faulty, peers_overtake_each_other_but_not_themselves) {
  Rig rig({.seed = 2, .reorder_across_peers = true});
  for (std::uint32_t n = 0; n < 30; ++n) rig.one->send(master, message(n));
  for (std::uint32_t n = 0; n < 30; ++n) rig.two->send(master, message(n));
  const auto events = rig.drain();
  ASSERT_EQ(events.size(), 60U);
  std::uint32_t next[3] = {};
  int changes = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(number_of(events[i].message), next[events[i].peer.value]++);
    changes += i > 0 && events[i].peer != events[i - 1].peer ? 1 : 0;
  }
  EXPECT_GT(changes, 5);
}

TEST(Faulty, the_same_seed_brings_the_same_faults) {
  const auto run = [](std::uint64_t seed) {
    Rig rig({.seed = seed,
             .incoming = {.corrupt_body = 0.3, .truncate = 0.3, .duplicate = 0.3},
             .delay = 0.3});
    for (std::uint32_t n = 0; n < 40; ++n) rig.one->send(master, message(n));
    std::vector<Bytes> bodies;
    for (const Event& event : rig.drain()) {
      bodies.emplace_back(event.message.body.bytes().begin(), event.message.body.bytes().end());
    }
    return bodies;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Faulty, nothing_comes_from_a_dropped_peer_not_even_what_was_held_back) {
  Rig rig({.delay = 1, .longest_delay_polls = 1000});
  rig.one->send(master, message(1));
  (void)rig.drain(1);
  rig.faulty->drop(PeerId{1});
  EXPECT_TRUE(rig.drain(3000).empty());
}

}  // namespace
}  // namespace raven
