#include "raven/cluster/protocol.hpp"

#include <gtest/gtest.h>

#include <random>

namespace raven {
namespace {

std::vector<AnyMessage> one_of_each() {
  const Digest digest = digest_of(std::as_bytes(std::span("raven", 5)));
  const SampleSchema schema{.feature_type = FeatureType::u8,
                            .feature_shape = {28, 28, 1},
                            .normalisation = {},
                            .target_kind = TargetKind::classes,
                            .target_width = 10};
  return {
      Hello{.fingerprint = digest, .core = "Zen", .node = "n1", .pid = 77, .threads = 4},
      Welcome{
          .seed = 9,
          .batch = 256,
          .shuffle = false,
          .heartbeat = std::chrono::milliseconds(250),
          .cache_bytes = 1 << 20,
          .datasets =
              {{.manifest = "/data/train.yaml", .identity = digest, .rows = 5, .schema = schema}},
          .parameters = {{DType::f32, {512, 784}}, {DType::f32, {512}}}},
      Ready{.readable = {1, 0}, .graphs = {digest}, .versions = {3, Ready::no_version}},
      GraphMessage{digest},
      ParameterMessage{.id = {3}, .version = 12},
      Lease{.work = 5,
            .purpose = Purpose::evaluate,
            .step = 4,
            .dataset = 1,
            .inline_rows = true,
            .node = {2, 2},
            .root = {0, 8},
            .snippets = {{.index = 2, .graph = digest, .first = 64, .rows = 32}},
            .versions = {4, 4, 0}},
      StatsMessage{
          .work = 5, .node = {0, 2}, .index = 1, .loss = 3.5, .weight = 32, .metrics = {30, 2}},
      GradientMessage{.work = 5, .node = {0, 4}, .parameter = {1}},
      DoneMessage{.work = 5, .node = {0, 4}, .compute_ns = 1234, .elapsed_ns = 2345},
      FailedMessage{.work = 5, .node = {0, 4}, .reason = "no shard"},
      Heartbeat{},
      Finish{.refused = true, .reason = "other bits"},
      Leave{"evening"},
  };
}

TEST(Protocol, every_message_survives_the_way) {
  const std::vector<AnyMessage> messages = one_of_each();
  ASSERT_EQ(messages.size(), std::variant_size_v<AnyMessage>);
  for (const AnyMessage& message : messages) {
    const Message wire = encode(message);
    const std::optional<AnyMessage> back = decode(wire.head);
    ASSERT_TRUE(back) << message.index();
    EXPECT_EQ(back->index(), message.index());
    // The fields came back if they are written the same way again.
    EXPECT_EQ(encode(*back).head, wire.head) << message.index();
  }
}

TEST(Protocol, fields_come_back_as_they_were) {
  const std::vector<AnyMessage> messages = one_of_each();
  const auto lease = std::get<Lease>(decode(encode(messages[5]).head).value());
  EXPECT_EQ(lease.work, 5U);
  EXPECT_EQ(lease.purpose, Purpose::evaluate);
  EXPECT_TRUE(lease.inline_rows);
  EXPECT_EQ(lease.node, (SnippetRange{2, 2}));
  ASSERT_EQ(lease.snippets.size(), 1U);
  EXPECT_EQ(lease.snippets[0].first, 64);
  EXPECT_EQ(lease.versions, (std::vector<std::uint64_t>{4, 4, 0}));
  const auto welcome = std::get<Welcome>(decode(encode(messages[1]).head).value());
  EXPECT_EQ(welcome.heartbeat, std::chrono::milliseconds(250));
  EXPECT_EQ(welcome.parameters[0].shape, (Shape{512, 784}));
  EXPECT_EQ(welcome.datasets.at(0).schema.feature_shape, (Shape{28, 28, 1}));
}

TEST(Protocol, a_message_that_is_cut_short_or_too_long_is_none) {
  for (const AnyMessage& message : one_of_each()) {
    const Bytes head = encode(message).head;
    for (std::size_t size = 0; size < head.size(); ++size) {
      EXPECT_FALSE(decode(ByteSpan(head).first(size))) << message.index() << " cut to " << size;
    }
    Bytes longer = head;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode(longer)) << message.index();
  }
}

TEST(Protocol, a_flipped_bit_is_always_noticed) {
  for (const AnyMessage& message : one_of_each()) {
    Bytes head = encode(message).head;
    for (std::size_t bit = 0; bit < 8 * head.size(); ++bit) {
      const auto flip = std::byte{1} << (bit % 8);
      head[bit / 8] ^= flip;
      EXPECT_FALSE(decode(head)) << message.index() << " bit " << bit;
      head[bit / 8] ^= flip;
    }
    EXPECT_TRUE(decode(head));
  }
}

/// As a liar would end a head: with the right checksum (FNV-1a).
void seal(Bytes& head) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  const std::size_t size = head.size() - sizeof sum;
  for (std::size_t i = 0; i < size; ++i) {
    sum = (sum ^ std::to_integer<std::uint64_t>(head[i])) * 0x100000001b3U;
  }
  std::memcpy(head.data() + size, &sum, sizeof sum);
}

TEST(Protocol, changed_bytes_never_crash_and_decode_to_what_they_say) {
  std::mt19937 random(11);
  int sound = 0;
  for (const AnyMessage& message : one_of_each()) {
    const Bytes head = encode(message).head;
    for (int trial = 0; trial < 2000; ++trial) {
      Bytes changed = head;
      for (int flips = 0; flips < 3; ++flips) {
        changed[random() % changed.size()] ^= static_cast<std::byte>(1U << (random() % 8));
      }
      seal(changed);
      if (const std::optional<AnyMessage> decoded = decode(changed)) {
        ++sound;
        EXPECT_EQ(encode(*decoded).head, changed) << message.index();
      }
    }
  }
  EXPECT_GT(sound, 1000);
}

}  // namespace
}  // namespace raven
