#include "transport/mpi/envelope.hpp"

#include <gtest/gtest.h>

#include "raven/core/random.hpp"

namespace raven {
namespace {

Bytes bytes_of(std::string_view text) {
  const auto raw = std::as_bytes(std::span(text));
  return {raw.begin(), raw.end()};
}

bool same(ByteSpan a, ByteSpan b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

TEST(Envelope, what_was_sealed_is_opened) {
  const Bytes head = bytes_of("head");
  const Bytes body = bytes_of("a longer body");
  for (const bool is_inline : {false, true}) {
    const Bytes message = wire::seal(head, body, is_inline);
    const auto opened = wire::open(message);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(same(opened->head, head));
    EXPECT_EQ(opened->body_bytes, body.size());
    EXPECT_EQ(opened->body_is_inline, is_inline);
    EXPECT_TRUE(same(opened->inline_body, is_inline ? ByteSpan(body) : ByteSpan()));
  }
}

TEST(Envelope, the_bytes_are_those_of_the_documented_format) {
  const Bytes message = wire::seal(bytes_of("hi"), bytes_of("xyz"), true);
  const Bytes expected = bytes_of(std::string_view("RVN1\2\0\0\0\3\0\0\0\0\0\0\0hixyz", 21));
  EXPECT_EQ(message, expected);
}

TEST(Envelope, an_empty_message_is_sixteen_bytes) {
  const Bytes message = wire::seal({}, {}, false);
  EXPECT_EQ(message.size(), wire::prefix_bytes);
  ASSERT_TRUE(wire::open(message));
  EXPECT_TRUE(wire::open(message)->body_is_inline);
}

TEST(Envelope, every_truncation_is_refused) {
  const Bytes message = wire::seal(bytes_of("head"), bytes_of("body"), true);
  for (std::size_t size = 0; size < message.size(); ++size) {
    // Without any of its inline body it is a head whose body follows, which is another valid
    // message.
    if (size == message.size() - 4) continue;
    EXPECT_FALSE(wire::open(ByteSpan(message).first(size))) << size;
  }
}

TEST(Envelope, a_head_longer_than_allowed_is_refused) {
  EXPECT_FALSE(wire::open(wire::seal(Bytes(wire::max_head_bytes + 1), {}, false)));
}

TEST(Envelope, a_body_too_long_to_ride_along_is_refused) {
  EXPECT_FALSE(wire::open(wire::seal({}, Bytes(wire::max_inline_bytes + 1), true)));
}

TEST(Envelope, random_bytes_are_refused_or_consistent) {
  RandomStream random({.seed = 7});
  const Bytes valid = wire::seal(bytes_of("some head"), bytes_of("some body"), true);
  for (int round = 0; round < 20'000; ++round) {
    Bytes message = valid;
    for (int flips = 0; flips < 3; ++flips) {
      message[random.below(static_cast<std::uint32_t>(message.size()))] ^= std::byte{1}
                                                                           << random.below(8);
    }
    message.resize(random.below(static_cast<std::uint32_t>(message.size() + 1)));
    const auto opened = wire::open(message);
    if (!opened) continue;
    EXPECT_EQ(wire::prefix_bytes + opened->head.size() + opened->inline_body.size(),
              message.size());
  }
}

}  // namespace
}  // namespace raven
