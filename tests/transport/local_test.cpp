#include "raven/transport/local.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using namespace std::chrono_literals;

constexpr PeerId master{0};

TEST(Local, a_body_travels_as_a_handle) {
  LocalHub hub;
  const auto boss = hub.master();
  const auto worker = hub.join();
  const Blob body(Bytes(1000));
  worker->send(master, {{}, body});
  (void)boss->poll(0us);
  const auto event = boss->poll(0us);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->message.body.bytes().data(), body.bytes().data());
}

TEST(Local, what_was_sent_before_a_death_arrives_before_its_news) {
  LocalHub hub;
  const auto boss = hub.master();
  auto worker = hub.join();
  worker->send(master, {Bytes(1), {}});
  worker.reset();
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::joined);
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::message);
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::lost);
  EXPECT_FALSE(boss->poll(0us));
}

TEST(Local, contributors_may_come_before_the_master) {
  LocalHub hub;
  const auto worker = hub.join();
  worker->send(master, {Bytes(1), {}});
  const auto boss = hub.master();
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::joined);
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::message);
}

TEST(Local, after_a_masters_death_contributors_join_the_next_one) {
  LocalHub hub;
  auto boss = hub.master();
  const auto orphan = hub.join();
  const auto unseen = hub.join();
  (void)boss->poll(0us);
  boss.reset();
  for (const auto& worker : {orphan.get(), unseen.get()}) {
    EXPECT_EQ(worker->poll(0us)->kind, Event::Kind::joined);
    EXPECT_EQ(worker->poll(0us)->kind, Event::Kind::lost);
    worker->send(master, {Bytes(1), {}});
  }
  boss = hub.master();
  EXPECT_FALSE(boss->poll(0us)) << "the orphans belong to the master that died";
  const auto back = hub.join();
  const auto event = boss->poll(0us);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Event::Kind::joined);
  EXPECT_EQ(event->peer, PeerId{3});
}

TEST(Local, endpoints_outlive_their_hub) {
  auto hub = std::make_unique<LocalHub>();
  const auto boss = hub->master();
  const auto worker = hub->join();
  hub.reset();
  worker->send(master, {Bytes(1), {}});
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::joined);
  EXPECT_EQ(boss->poll(0us)->kind, Event::Kind::message);
}

}  // namespace
}  // namespace raven
