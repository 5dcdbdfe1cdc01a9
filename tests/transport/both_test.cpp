#include "raven/transport/both.hpp"

#include <gtest/gtest.h>

#include <future>

#include "raven/transport/local.hpp"

namespace raven {
namespace {

using namespace std::chrono_literals;

constexpr PeerId master{0};

/// A master with one contributor on each side, both of whom have joined.
struct Pair {
  LocalHub local;
  LocalHub remote;
  std::unique_ptr<Transport> both = make_both_transport(local.master(), remote.master());
  std::unique_ptr<Transport> inside = local.join();
  std::unique_ptr<Transport> outside = remote.join();

  Pair() {
    for (int i = 0; i < 2; ++i) EXPECT_EQ(both->poll(10s)->kind, Event::Kind::joined);
  }
};

TEST(Both, a_busy_side_does_not_keep_the_other_waiting) {
  Pair pair;
  for (int i = 0; i < 10; ++i) {
    pair.outside->send(master, {Bytes(1), {}});
    pair.inside->send(master, {Bytes(1), {}});
  }
  int from_inside = 0;
  for (int i = 0; i < 10; ++i) {
    const auto event = pair.both->poll(10s);
    ASSERT_TRUE(event);
    from_inside += event->peer.value >= local_peer_base ? 1 : 0;
  }
  EXPECT_EQ(from_inside, 5);
}

TEST(Both, a_wake_between_polls_ends_the_next_one) {
  Pair pair;
  pair.both->wake();
  auto poll = std::async(std::launch::async, [&] { return pair.both->poll(24h); });
  const bool returned = poll.wait_for(60s) == std::future_status::ready;
  if (!returned) pair.inside->send(master, {Bytes(1), {}});  // so that the test ends
  EXPECT_TRUE(returned);
  EXPECT_FALSE(poll.get());
}

TEST(Both, a_wake_while_it_waits_ends_the_poll) {
  Pair pair;
  auto poll = std::async(std::launch::async, [&] { return pair.both->poll(24h); });
  // Naps follow one another: a wake must end the poll whatever it is at.
  EXPECT_NE(poll.wait_for(2ms), std::future_status::ready);
  pair.both->wake();
  const bool returned = poll.wait_for(60s) == std::future_status::ready;
  if (!returned) pair.inside->send(master, {Bytes(1), {}});
  EXPECT_TRUE(returned);
  EXPECT_FALSE(poll.get());
}

}  // namespace
}  // namespace raven
