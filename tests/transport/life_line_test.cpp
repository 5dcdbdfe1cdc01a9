#include "transport/mpi/life_line.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <thread>

namespace raven {
namespace {

using Clock = LifeLineHost::Clock;
using Ranks = std::vector<std::uint32_t>;

constexpr std::size_t port_at = 4 + 4 + 32;

/// Asks until it is so: the kernel needs a moment to carry what was said. Gives up in the end.
template <class Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 1'000'000; ++i) {
    if (condition()) return true;
    std::this_thread::yield();
  }
  return false;
}

std::uint16_t port_of(const Bytes& offer) {
  std::uint16_t port = 0;
  std::memcpy(&port, offer.data() + port_at, sizeof port);
  return port;
}

/// Somebody who calls the host's port and says what they like.
class Stranger {
 public:
  Stranger(std::uint16_t port, ByteSpan words) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    there.sin_port = htons(port);
    EXPECT_EQ(::connect(socket_.handle(), reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
    EXPECT_EQ(::send(socket_.handle(), words.data(), words.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(words.size()));
  }
  [[nodiscard]] bool is_put_off() const {
    char byte = 0;
    const ssize_t got = ::recv(socket_.handle(), &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  Socket socket_;
};

/// The greeting that an offer asks for: the offer's first 40 bytes.
Bytes greeting_in(const Bytes& offer) {
  return {offer.begin(), offer.begin() + static_cast<std::ptrdiff_t>(port_at)};
}

TEST(LifeLine, its_end_is_told_once_after_the_grace) {
  LifeLineHost host;
  const Clock::time_point now{};
  auto line = std::make_unique<LifeLine>(host.offer_to(3), now);
  const LifeLine other(host.offer_to(5), now);
  EXPECT_EQ(host.check(now), Ranks{});
  line.reset();
  // When it is noticed is the kernel's affair; from then on time is what the caller says.
  Ranks gone;
  Clock::time_point later = now;
  EXPECT_TRUE(comes_true([&] {
    later += std::chrono::milliseconds(1);
    gone = host.check(later);
    return !gone.empty();
  }));
  EXPECT_EQ(gone, Ranks{3});
  EXPECT_GE(later - now, LifeLineHost::grace);
  EXPECT_EQ(host.check(later + std::chrono::hours(1)), Ranks{});
}

TEST(LifeLine, of_a_rank_that_was_forgotten_says_nothing) {
  LifeLineHost host;
  const Clock::time_point now{};
  {
    const LifeLine line(host.offer_to(1), now);
    EXPECT_EQ(host.check(now), Ranks{});
    host.forget(1);
  }
  for (int hour = 1; hour < 100; ++hour)
    EXPECT_EQ(host.check(now + std::chrono::hours(hour)), Ranks{});
}

TEST(LifeLine, tells_that_the_host_is_gone_after_a_longer_grace) {
  auto host = std::make_unique<LifeLineHost>();
  Clock::time_point now{};
  LifeLine line(host->offer_to(1), now);
  EXPECT_EQ(host->check(now), Ranks{});
  EXPECT_FALSE(line.host_is_gone(now + std::chrono::hours(1)));
  host.reset();
  const Clock::time_point before = now;
  EXPECT_TRUE(comes_true([&] { return line.host_is_gone(now += std::chrono::milliseconds(1)); }));
  EXPECT_GE(now - before, LifeLine::grace);
}

TEST(LifeLine, strangers_are_put_off_and_disturb_nobody) {
  LifeLineHost host;
  const Clock::time_point now{};
  const Bytes offer = host.offer_to(2);
  const LifeLine line(offer, now);
  const std::uint16_t port = port_of(offer);

  Bytes wrong_key = greeting_in(offer);
  wrong_key.back() ^= std::byte{1};
  Bytes wrong_magic = greeting_in(offer);
  wrong_magic.front() ^= std::byte{1};
  Bytes anothers_rank = greeting_in(offer);
  anothers_rank[4] = std::byte{1};
  for (const Bytes& words : {wrong_key, wrong_magic, anothers_rank, Bytes(1000, std::byte{'x'})}) {
    const Stranger stranger(port, words);
    EXPECT_TRUE(comes_true([&] {
      EXPECT_EQ(host.check(now), Ranks{});
      return stranger.is_put_off();
    }));
  }
  const Stranger silent(port, ByteSpan(offer).first(7));
  EXPECT_EQ(host.check(now), Ranks{});
  EXPECT_FALSE(silent.is_put_off());
  EXPECT_TRUE(comes_true([&] {
    EXPECT_EQ(host.check(now + LifeLineHost::greeting_time), Ranks{});
    return silent.is_put_off();
  }));
}

TEST(LifeLine, a_crowd_of_silent_callers_is_bounded_and_passes) {
  LifeLineHost host;
  const Clock::time_point now{};
  const Bytes offer = host.offer_to(2);
  std::vector<std::unique_ptr<Stranger>> crowd;
  for (std::size_t i = 0; i < LifeLineHost::most_callers + 10; ++i) {
    crowd.push_back(std::make_unique<Stranger>(port_of(offer), ByteSpan()));
  }
  EXPECT_EQ(host.check(now), Ranks{});
  auto line = std::make_unique<LifeLine>(offer, now);
  EXPECT_EQ(host.check(now + LifeLineHost::greeting_time), Ranks{});
  EXPECT_EQ(host.check(now + LifeLineHost::greeting_time), Ranks{});
  line.reset();
  Clock::time_point later = now + LifeLineHost::greeting_time;
  EXPECT_TRUE(
      comes_true([&] { return host.check(later += std::chrono::milliseconds(1)) == Ranks{2}; }));
}

TEST(LifeLine, an_offer_that_makes_no_sense_gives_a_line_that_tells_nothing) {
  const LifeLineHost host;
  const Bytes offer = host.offer_to(2);
  ASSERT_LE(offer.size(), LifeLine::max_offer_bytes);
  const Clock::time_point now{};
  for (std::size_t length = 0; length < offer.size(); ++length) {
    LifeLine line(ByteSpan(offer).first(length), now);
    EXPECT_FALSE(line.host_is_gone(now + std::chrono::hours(1))) << length;
  }
  Bytes longer = offer;
  longer.push_back({});
  Bytes not_one = offer;
  not_one.front() ^= std::byte{1};
  for (const Bytes& bad : {longer, not_one}) {
    LifeLine line(bad, now);
    EXPECT_FALSE(line.host_is_gone(now + std::chrono::hours(1)));
  }
}

TEST(LifeLine, without_a_host_in_reach_tells_nothing) {
  Bytes offer;
  {
    const LifeLineHost host;
    offer = host.offer_to(1);
  }
  Clock::time_point now{};
  LifeLine line(offer, now);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(line.host_is_gone(now += std::chrono::seconds(10)));
}

}  // namespace
}  // namespace raven
