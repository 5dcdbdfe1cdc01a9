#include "raven/cluster/protocol.hpp"

#include <gtest/gtest.h>

#include <random>

namespace raven {
namespace {

std::vector<AnyMessage> one_of_each() {
  const Digest digest = digest_of(std::as_bytes(std::span("raven", 5)));
  return {
      Hello{.numerics = {digest, "Zen", "OpenBLAS 0.3.21", "AVX2"},
            .node = "n1",
            .pid = 77,
            .threads = 4},
      Welcome{.seed = 9,
              .batch = 256,
              .order = SampleOrder::streams,
              .carried = 800,
              .heartbeat = std::chrono::milliseconds(250),
              .cache_bytes = 1 << 20,
              .session = digest},
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
      GradientMessage{.work = 5, .node = {0, 4}, .parameter = {1}, .form = Gradient::Form::rows},
      DoneMessage{.work = 5, .node = {0, 4}, .compute_ns = 1234, .elapsed_ns = 2345},
      FailedMessage{.work = 5, .node = {0, 4}, .reason = "no shard"},
      Heartbeat{},
      Finish{.refused = true, .reason = "other bits"},
      Leave{"evening"},
      SumMessage{.work = 5, .node = {0, 4}, .parameter = {1}, .form = Gradient::Form::rows},
      SendOn{.work = 5},
      AssemblyMessage{.digest = digest, .work = 6},
      ForgetGraphs{},
      RowsMessage{.id = {3}, .from = 11, .version = 12},
  };
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

TEST(Protocol, a_hello_of_another_version_is_known_for_one_whatever_follows) {
  ByteWriter bytes;
  bytes.put(std::uint8_t{0});
  bytes.put(std::uint32_t{8});
  bytes.put_raw(Bytes(61));
  bytes.put(std::uint64_t{0});
  Bytes head = bytes.take();
  seal(head);
  const std::optional<AnyMessage> decoded = decode(head);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Hello>(*decoded).protocol, 8U);
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
  const auto rows = std::get<RowsMessage>(decode(encode(messages.back()).head).value());
  EXPECT_EQ(rows.from, 11U);
  EXPECT_EQ(rows.version, 12U);
  const auto welcome = std::get<Welcome>(decode(encode(messages[1]).head).value());
  EXPECT_EQ(welcome.heartbeat, std::chrono::milliseconds(250));
  EXPECT_EQ(welcome.order, SampleOrder::streams);
  EXPECT_EQ(welcome.carried, 800U);
}

RunOffer an_offer(std::int64_t columns) {
  const auto width = static_cast<std::size_t>(columns);
  return {.datasets = {{.manifest = "/data/train.yaml",
                        .identity = digest_of(std::as_bytes(std::span("data", 4))),
                        .rows = 5,
                        .schema = {.feature_type = FeatureType::f32,
                                   .feature_shape = {columns},
                                   .normalisation = {.mean = std::vector<double>(width, 0.5),
                                                     .std = std::vector<double>(width, 2.0)},
                                   .target_kind = TargetKind::classes,
                                   .target_width = 10}}},
          .parameters = {{DType::f32, {512, columns}}, {DType::f32, {512}}}};
}

TEST(Protocol, an_offer_is_as_long_as_its_data_is_wide) {
  const RunOffer offer = an_offer(20'000);
  const Blob body = encode(offer);
  const auto back = decode_offer(body.bytes());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->datasets.at(0).schema, offer.datasets[0].schema);
  EXPECT_EQ(back->parameters, offer.parameters);
  EXPECT_LT(encode(Welcome{}, body).head.size(), Transport::max_head_bytes);
}

TEST(Protocol, a_damaged_offer_is_none) {
  const Blob body = encode(an_offer(3));
  Bytes bytes(body.bytes().begin(), body.bytes().end());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(decode_offer(bytes)) << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_offer(ByteSpan(bytes).first(size))) << size;
  }
}

TEST(Protocol, the_largest_lease_fits_a_head) {
  Lease lease{.node = {0, Lease::max_snippets}, .root = {0, 4096}};
  lease.snippets.resize(Lease::max_snippets);
  for (std::size_t i = 0; i < max_parameters; ++i) lease.versions.push_back(i % 2 * 77);
  const Message message = encode(lease);
  EXPECT_LE(message.head.size(), Transport::max_head_bytes);
  EXPECT_EQ(std::get<Lease>(decode(message.head).value()).versions, lease.versions);
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
        const auto* hello = std::get_if<Hello>(&*decoded);
        if (hello != nullptr && hello->protocol != protocol_version) continue;
        EXPECT_EQ(encode(*decoded).head, changed) << message.index();
      }
    }
  }
  EXPECT_GT(sound, 1000);
}

}  // namespace
}  // namespace raven
