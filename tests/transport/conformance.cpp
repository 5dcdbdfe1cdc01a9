#include "transport/conformance.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "raven/core/random.hpp"

namespace raven::conformance {
namespace {

using namespace std::chrono_literals;

constexpr PeerId master{0};
/// Long enough for any machine; reached only by a transport that has lost something.
constexpr auto patience_of_a_test = 120s;

PeerId peer(int index) { return PeerId{static_cast<std::uint32_t>(index)}; }

/// A body whose every byte depends on `seed`, and on the size.
Bytes pattern(std::uint64_t seed, std::size_t size) {
  Bytes bytes(size);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + size + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

bool equal(ByteSpan a, ByteSpan b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

Message numbered(std::uint64_t number, std::size_t body_bytes = 0) {
  ByteWriter head;
  head.put(number);
  return {head.take(), Blob(pattern(number, body_bytes))};
}

std::uint64_t number_of(const Message& message) {
  ByteReader reader(message.head);
  const auto number = reader.get<std::uint64_t>();
  require(reader.done(), "a numbered message arrives with the head it was sent with");
  return number;
}

constexpr std::uint64_t bye = ~std::uint64_t{0};

/// The next event; `joined` is passed over.
Event next(World& world) {
  const auto deadline = std::chrono::steady_clock::now() + patience_of_a_test;
  while (std::chrono::steady_clock::now() < deadline) {
    auto event = world.transport.poll(100ms);
    if (event && event->kind != Event::Kind::joined) return std::move(*event);
  }
  throw std::runtime_error("an event that had to come did not");
}

Event next_message(World& world) {
  Event event = next(world);
  require(event.kind == Event::Kind::message, "nobody is lost in this scenario");
  return event;
}

/// A peer is known, and may be sent to, from its Event::joined on.
void await_everybody(World& world) {
  for (int i = world.is_master() ? world.contributors : 1; i > 0; --i) {
    const auto event = world.transport.poll(patience_of_a_test);
    require(event && event->kind == Event::Kind::joined, "everybody joins");
  }
}

template <class Condition>
void poll_until(World& world, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience_of_a_test;
  while (!condition()) {
    require(std::chrono::steady_clock::now() < deadline, "what was waited for happens");
    (void)world.transport.poll(1ms);
  }
}

void flush(World& world) {
  const int first = world.is_master() ? 1 : 0;
  const int last = world.is_master() ? world.contributors : 0;
  for (int i = first; i <= last; ++i) {
    poll_until(world, [&] { return world.transport.flushed(peer(i)); });
  }
}

/// Lets everybody go at the same time, so that nobody leaves while somebody still needs an answer.
void dismiss(World& world, int first = 1) {
  for (int i = first; i <= world.contributors; ++i) world.transport.send(peer(i), numbered(bye));
  for (int i = first; i <= world.contributors; ++i) {
    poll_until(world, [&] { return world.transport.flushed(peer(i)); });
  }
}

void await_dismissal(World& world) {
  require(number_of(next_message(world).message) == bye, "the master's farewell comes last");
  flush(world);
}

void a_quiet_poll_returns_nothing(World& world) {
  if (world.contributors == 0) {
    require(!world.transport.poll(0us), "there are no events alone");
    require(!world.transport.poll(5ms), "there are no events alone, however long one waits");
    world.transport.send(peer(7), numbered(1));
    require(world.transport.flushed(peer(7)), "what was sent to nobody is gone");
    world.transport.drop(peer(7));
    return;
  }
  await_everybody(world);
  if (!world.is_master()) return await_dismissal(world);
  require(!world.transport.poll(0us), "no event comes without a cause");
  dismiss(world);
}

void everybody_joins_first(World& world) {
  if (!world.is_master()) {
    const auto event = world.transport.poll(patience_of_a_test);
    require(event && event->kind == Event::Kind::joined && event->peer == master,
            "a contributor first sees the master join");
    world.transport.send(master, numbered(1));
    return await_dismissal(world);
  }
  std::set<PeerId> joined;
  int greetings = 0;
  while (greetings < world.contributors) {
    const auto event = world.transport.poll(patience_of_a_test);
    require(event.has_value(), "all contributors come");
    if (event->kind == Event::Kind::joined) {
      require(joined.insert(event->peer).second, "a contributor joins once");
    } else {
      require(event->kind == Event::Kind::message && joined.contains(event->peer),
              "nobody speaks before having joined");
      ++greetings;
    }
  }
  dismiss(world);
}

std::size_t size_of(std::uint64_t number) {
  constexpr std::size_t sizes[] = {0, 1, 100, 8 * 1024, 8 * 1024 + 1, 40'000, 300'000};
  return sizes[RandomStream({.seed = number}).below(std::size(sizes))];
}

void messages_of_a_peer_keep_their_order(World& world) {
  await_everybody(world);
  constexpr std::uint64_t count = 300;
  const int first = world.is_master() ? 1 : 0;
  const int last = world.is_master() ? world.contributors : 0;
  for (std::uint64_t n = 0; n < count; ++n) {
    for (int i = first; i <= last; ++i) world.transport.send(peer(i), numbered(n, size_of(n)));
  }
  std::map<PeerId, std::uint64_t> expected;
  for (std::uint64_t left = count * static_cast<std::uint64_t>(last - first + 1); left > 0;
       --left) {
    const Event event = next_message(world);
    const std::uint64_t n = expected[event.peer]++;
    require(number_of(event.message) == n, "messages of a peer arrive in the order they were sent");
    require(equal(event.message.body.bytes(), pattern(n, size_of(n))), "bodies arrive whole");
  }
  if (world.is_master()) return dismiss(world);
  await_dismissal(world);
}

void any_size_is_echoed(World& world) {
  await_everybody(world);
  constexpr std::size_t mib = 1024 * 1024;
  const std::size_t sizes[] = {0,    1,   2,           4095,    4096,        8192,
                               8193, mib, 3 * mib - 1, 3 * mib, 3 * mib + 1, world.max_body_bytes};
  if (!world.is_master()) {
    for (;;) {
      Event event = next_message(world);
      if (event.message.head.size() == 8 && number_of(event.message) == bye) return flush(world);
      world.transport.send(master, std::move(event.message));
    }
  }
  for (const std::size_t size : sizes) {
    const Blob body(pattern(size, size));
    for (const std::size_t head_bytes :
         {std::size_t{0}, std::size_t{9}, Transport::max_head_bytes}) {
      const Bytes head = pattern(size + 1, head_bytes);
      for (int i = 1; i <= world.contributors; ++i) world.transport.send(peer(i), {head, body});
      for (int i = 1; i <= world.contributors; ++i) {
        const Event event = next_message(world);
        require(equal(event.message.head, head), "a head comes back as it was");
        require(equal(event.message.body.bytes(), body.bytes()), "a body comes back as it was");
        if (!event.message.body.empty()) {
          const auto address = reinterpret_cast<std::uintptr_t>(event.message.body.bytes().data());
          require(address % 4 == 0, "a body may be read as floats where it lies");
        }
      }
    }
  }
  dismiss(world);
}

void floods_both_ways_do_not_deadlock(World& world) {
  await_everybody(world);
  constexpr std::uint64_t count = 5000;
  const int first = world.is_master() ? 1 : 0;
  const int last = world.is_master() ? world.contributors : 0;
  for (std::uint64_t n = 0; n < count; ++n) {
    for (int i = first; i <= last; ++i) world.transport.send(peer(i), numbered(n, n % 3 * 10));
  }
  std::map<PeerId, std::uint64_t> expected;
  for (std::uint64_t left = count * static_cast<std::uint64_t>(last - first + 1); left > 0;
       --left) {
    const Event event = next_message(world);
    require(number_of(event.message) == expected[event.peer]++,
            "no small message is lost in a flood");
  }
  if (world.is_master()) return dismiss(world);
  await_dismissal(world);
}

void large_bodies_cross_both_ways(World& world) {
  await_everybody(world);
  constexpr std::uint64_t count = 12;
  constexpr std::size_t bytes = 4 * 1024 * 1024;
  const Blob body(pattern(1, bytes));
  const int first = world.is_master() ? 1 : 0;
  const int last = world.is_master() ? world.contributors : 0;
  for (std::uint64_t n = 0; n < count; ++n) {
    for (int i = first; i <= last; ++i) world.transport.send(peer(i), {numbered(n).head, body});
  }
  std::map<PeerId, std::uint64_t> expected;
  for (std::uint64_t left = count * static_cast<std::uint64_t>(last - first + 1); left > 0;
       --left) {
    const Event event = next_message(world);
    require(number_of(event.message) == expected[event.peer]++, "streamed bodies keep their order");
    require(equal(event.message.body.bytes(), body.bytes()), "streamed bodies arrive whole");
  }
  if (world.is_master()) return dismiss(world);
  await_dismissal(world);
}

void require_that_wake_works(World& world) {
  const auto start = std::chrono::steady_clock::now();
  world.transport.wake();
  require(!world.transport.poll(patience_of_a_test), "a wake() before a poll() ends it");
  std::thread waker([&] { world.transport.wake(); });
  const auto event = world.transport.poll(patience_of_a_test);
  waker.join();
  require(!event, "a wake() from another thread ends a poll()");
  require(std::chrono::steady_clock::now() - start < patience_of_a_test,
          "a woken poll() does not wait");
}

/// One side at a time, so that no message comes while a poll() is to be ended by nothing but
/// wake().
void wake_ends_a_poll(World& world) {
  await_everybody(world);
  if (!world.is_master()) {
    (void)next_message(world);
    require_that_wake_works(world);
    world.transport.send(master, numbered(1));
    return await_dismissal(world);
  }
  require_that_wake_works(world);
  for (int i = 1; i <= world.contributors; ++i) world.transport.send(peer(i), numbered(1));
  for (int i = 1; i <= world.contributors; ++i) (void)next_message(world);
  dismiss(world);
}

void a_dropped_peer_is_forgotten(World& world) {
  await_everybody(world);
  constexpr std::uint64_t count = 50;
  if (!world.is_master()) {
    for (std::uint64_t n = 0; n < count; ++n) world.transport.send(master, numbered(n, n * 1000));
    // Whoever is dropped hears nothing more, so it leaves by itself.
    if (world.index == 1) return;
    return await_dismissal(world);
  }
  // The first message of the victim is the sign that it is in full flow.
  std::map<PeerId, std::uint64_t> seen;
  while (seen[peer(1)] == 0) ++seen[next_message(world).peer];
  for (std::uint64_t n = 0; n < count; ++n) world.transport.send(peer(1), numbered(n, 100'000));
  world.transport.drop(peer(1));
  require(world.transport.flushed(peer(1)), "nothing is queued for a dropped peer");
  world.transport.send(peer(1), numbered(1));
  require(world.transport.flushed(peer(1)), "what is sent to a dropped peer is discarded");
  world.transport.drop(peer(1));
  std::uint64_t others = 0;
  for (const auto& [id, number] : seen) others += id == peer(1) ? 0 : number;
  for (; others < count * static_cast<std::uint64_t>(world.contributors - 1); ++others) {
    require(next_message(world).peer != peer(1), "nothing comes from a dropped peer");
  }
  for (int i = 0; i < 100; ++i) require(!world.transport.poll(0us), "no event follows a drop");
  dismiss(world, 2);
}

void flushed_follows_the_queue(World& world) {
  await_everybody(world);
  if (!world.is_master()) {
    for (int i = 0; i < 10; ++i) (void)next_message(world);
    return await_dismissal(world);
  }
  for (int i = 1; i <= world.contributors; ++i) {
    for (std::uint64_t n = 0; n < 10; ++n) world.transport.send(peer(i), numbered(n, 1'000'000));
  }
  flush(world);
  require(world.transport.flushed(peer(1000)), "nothing is queued for a peer that does not exist");
  dismiss(world);
}

void traffic_is_counted(World& world) {
  await_everybody(world);
  const auto n = static_cast<std::uint64_t>(world.contributors);
  if (!world.is_master()) {
    world.transport.send(master, {Bytes(10), Blob(Bytes(90'000))});
    world.transport.send(master, {Bytes(20), Blob(Bytes(80))});
    await_dismissal(world);
    const Traffic traffic = world.transport.traffic();
    require(traffic.messages_sent == 2 && traffic.bytes_sent == 90'110, "what was sent is counted");
    require(traffic.messages_received == 1 && traffic.bytes_received == 8, "what came is counted");
    return;
  }
  for (std::uint64_t i = 0; i < 2 * n; ++i) (void)next_message(world);
  dismiss(world);
  const Traffic traffic = world.transport.traffic();
  require(traffic.messages_sent == n && traffic.bytes_sent == 8 * n, "what was sent is counted");
  require(traffic.messages_received == 2 * n && traffic.bytes_received == 90'110 * n,
          "what came is counted");
}

/// All say one thing; then contributor 1 sends a body above the limit, and only that one is lost.
void only_an_offender_against(std::size_t limit, World& world) {
  if (!world.is_master()) {
    world.transport.send(master, {Bytes(8), Blob(Bytes(std::min<std::size_t>(limit, 1000)))});
    if (world.index > 1) return await_dismissal(world);
    world.transport.send(master, {Bytes(8), Blob(Bytes(limit + 1))});
    for (int i = 0; i < 1000; ++i) (void)world.transport.poll(0us);
    return;
  }
  for (int left = world.contributors + 1; left > 0; --left) {
    const Event event = next(world);
    if (event.kind == Event::Kind::message) continue;
    require(event.peer == peer(1) && !event.reason.empty(), "only the offender is lost, with why");
  }
  require(world.transport.flushed(peer(1)), "nothing is queued for a lost peer");
  dismiss(world, 2);
}

void an_oversize_body_loses_its_sender(World& world) {
  await_everybody(world);
  only_an_offender_against(world.max_body_bytes, world);
}

void a_body_above_a_later_limit_loses_its_sender(World& world) {
  constexpr std::size_t limit = 1000;
  await_everybody(world);
  if (world.is_master()) world.transport.limit_bodies(limit);
  only_an_offender_against(limit, world);
}

void contributors_know_only_the_master(World& world) {
  await_everybody(world);
  if (!world.is_master()) {
    world.transport.send(peer(world.index == 1 ? 2 : 1), numbered(1));
    world.transport.send(peer(world.index), numbered(2));
    world.transport.send(master, numbered(3));
    return await_dismissal(world);
  }
  for (int i = 0; i < world.contributors; ++i) {
    require(number_of(next_message(world).message) == 3,
            "what went to nobody does not arrive elsewhere");
  }
  dismiss(world);
}

/// The part of the contributors that stay alive: send back whatever comes.
void echo_until_dismissed(World& world) {
  for (;;) {
    Event event = next_message(world);
    if (number_of(event.message) == bye) return flush(world);
    world.transport.send(master, std::move(event.message));
  }
}

/// The next message of somebody other than the victim, peer 1, of whom messages and a loss may
/// come.
Event next_of_the_living(World& world) {
  for (;;) {
    Event event = next(world);
    if (event.peer != peer(1)) return event;
    require(event.kind != Event::Kind::lost || world.deaths_are_seen,
            "nobody tells of a death here");
  }
}

void require_that_the_living_are_served(World& world) {
  for (std::uint64_t round = 0; round < 50; ++round) {
    for (int i = 2; i <= world.contributors; ++i)
      world.transport.send(peer(i), numbered(round, 50'000));
    for (int i = 2; i <= world.contributors; ++i) {
      const Event event = next_of_the_living(world);
      require(event.kind == Event::Kind::message && number_of(event.message) == round,
              "the living are served as if nobody had died");
    }
  }
}

void bury_and_dismiss(World& world) {
  world.transport.drop(peer(1));
  require(world.transport.flushed(peer(1)), "nothing is kept for the dead once they are dropped");
  dismiss(world, 2);
}

void a_dead_peer_holds_up_nobody(World& world) {
  await_everybody(world);
  if (world.index == 1) {
    (void)next_message(world);
    return world.die();
  }
  if (!world.is_master()) return echo_until_dismissed(world);
  world.transport.send(peer(1), numbered(1));
  if (world.deaths_are_seen) {
    const Event event = next(world);
    require(event.kind == Event::Kind::lost && event.peer == peer(1),
            "a death is seen where it can be");
  } else {
    poll_until(world, [&] { return world.transport.flushed(peer(1)); });
  }
  const std::uint64_t sent_before = world.transport.traffic().messages_sent;
  for (std::uint64_t n = 0; n < 200; ++n) {
    world.transport.send(peer(1), numbered(n, n % 2 == 0 ? 10 : 1'000'000));
  }
  const std::uint64_t sent = world.transport.traffic().messages_sent - sent_before;
  require(world.window == 0 || sent <= world.window,
          "a peer that takes nothing is sent no more than the window");
  require_that_the_living_are_served(world);
  bury_and_dismiss(world);
}

constexpr std::size_t long_transfer = 16 * 1024 * 1024;

void a_peer_may_die_while_it_receives(World& world) {
  await_everybody(world);
  if (world.index == 1) {
    (void)next(world);  // or the end of a master that did not wait for it
    return world.die();
  }
  if (!world.is_master()) return echo_until_dismissed(world);
  const Blob body(pattern(1, long_transfer));
  for (std::uint64_t n = 0; n < 10; ++n) world.transport.send(peer(1), {numbered(n).head, body});
  require_that_the_living_are_served(world);
  bury_and_dismiss(world);
}

void a_peer_may_die_while_it_sends(World& world) {
  await_everybody(world);
  if (world.index == 1) {
    const Blob body(pattern(1, long_transfer));
    for (std::uint64_t n = 0; n < 10; ++n) world.transport.send(master, {numbered(n).head, body});
    (void)next(world);
    return world.die();
  }
  if (!world.is_master()) return echo_until_dismissed(world);
  while (next_message(world).peer != peer(1)) {
  }
  world.transport.send(peer(1), numbered(1));
  require_that_the_living_are_served(world);
  bury_and_dismiss(world);
}

constexpr Scenario all[] = {
    {"a_quiet_poll_returns_nothing", 0, a_quiet_poll_returns_nothing},
    {"everybody_joins_first", 1, everybody_joins_first},
    {"messages_of_a_peer_keep_their_order", 1, messages_of_a_peer_keep_their_order},
    {"any_size_is_echoed", 1, any_size_is_echoed},
    {"floods_both_ways_do_not_deadlock", 1, floods_both_ways_do_not_deadlock},
    {"large_bodies_cross_both_ways", 1, large_bodies_cross_both_ways},
    {"wake_ends_a_poll", 0, wake_ends_a_poll},
    {"a_dropped_peer_is_forgotten", 1, a_dropped_peer_is_forgotten},
    {"flushed_follows_the_queue", 1, flushed_follows_the_queue},
    {"traffic_is_counted", 1, traffic_is_counted},
    {"an_oversize_body_loses_its_sender", 1, an_oversize_body_loses_its_sender},
    {"a_body_above_a_later_limit_loses_its_sender", 1, a_body_above_a_later_limit_loses_its_sender},
    {"contributors_know_only_the_master", 2, contributors_know_only_the_master},
    {"a_dead_peer_holds_up_nobody", 1, a_dead_peer_holds_up_nobody},
    {"a_peer_may_die_while_it_receives", 1, a_peer_may_die_while_it_receives},
    {"a_peer_may_die_while_it_sends", 1, a_peer_may_die_while_it_sends},
};

}  // namespace

std::span<const Scenario> scenarios() { return all; }

void require(bool kept, const char* promise, Where where) {
  if (kept) return;
  throw std::runtime_error(std::string(where.file) + ":" + std::to_string(where.line) +
                           ": broken promise: " + promise);
}

}  // namespace raven::conformance
