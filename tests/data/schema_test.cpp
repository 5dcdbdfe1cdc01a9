#include "raven/data/schema.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace raven {
namespace {

SampleSchema pixels() {
  SampleSchema schema;
  schema.feature_type = FeatureType::u8;
  schema.feature_shape = {5, 7, 3};
  schema.normalisation = {.scale = 1.0 / 255, .mean = {0.5, 0.25, 0.125}, .std = {0.2, 0.3, 0.4}};
  schema.target_kind = TargetKind::classes;
  schema.target_width = 4;
  return schema;
}

SampleSchema tokens() {
  SampleSchema schema;
  schema.feature_type = FeatureType::i32;
  schema.feature_shape = {3};
  schema.vocabulary = 10;
  schema.target_kind = TargetKind::real;
  schema.target_width = 2;
  return schema;
}

Bytes encoded(const SampleSchema& schema) {
  ByteWriter out;
  schema.encode(out);
  return out.take();
}

TEST(SampleSchema, comes_back_from_its_bytes) {
  for (const SampleSchema& schema : {pixels(), tokens()}) {
    ASSERT_EQ(schema.flaw(), "");
    const Bytes bytes = encoded(schema);
    ByteReader in(bytes);
    const auto back = SampleSchema::decode(in);
    ASSERT_TRUE(back.has_value());
    EXPECT_TRUE(in.done());
    EXPECT_EQ(*back, schema);
  }
}

TEST(SampleSchema, no_cut_of_its_bytes_decodes) {
  const Bytes bytes = encoded(pixels());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader in(ByteSpan(bytes).first(length));
    EXPECT_FALSE(SampleSchema::decode(in).has_value()) << length;
  }
}

TEST(SampleSchema, whatever_decodes_from_flipped_bytes_is_sound_and_small) {
  const Bytes bytes = encoded(pixels());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = bytes;
      flipped[at] ^= static_cast<std::byte>(1 << bit);
      ByteReader in(flipped);
      const auto schema = SampleSchema::decode(in);
      if (!schema) continue;
      EXPECT_EQ(schema->flaw(), "");
      EXPECT_LE(schema->feature_bytes(), SampleSchema::max_row_bytes);
      (void)Unpacker(*schema);
    }
  }
}

TEST(SampleSchema, names_each_flaw) {
  const auto flaw_after = [](auto change) {
    SampleSchema schema = pixels();
    change(schema);
    return std::string(schema.flaw());
  };
  EXPECT_NE(flaw_after([](auto& s) { s.feature_shape[1] = 0; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.feature_shape[1] = -3; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.feature_shape[1] = std::int64_t{1} << 62; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.feature_shape = Shape{1, 1, 1, 1, 1, 3}; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.vocabulary = 3; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.target_width = 0; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.target_width = 1 << 30; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.feature_type = FeatureType{9}; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.target_kind = TargetKind{0}; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.scale = 0; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.scale = std::nan(""); }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.mean = {0, 0}; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.mean = {}; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.std[2] = 0; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.std[2] = 1e300; }), "");
  EXPECT_NE(flaw_after([](auto& s) { s.normalisation.mean[0] = 1e300; }), "");
  EXPECT_NE(flaw_after(
                [](auto& s) { s.normalisation.mean[0] = std::numeric_limits<double>::infinity(); }),
            "");
  SampleSchema changed = tokens();
  changed.vocabulary = 0;
  EXPECT_NE(changed.flaw(), "");
  changed = tokens();
  changed.normalisation.scale = 0.5;
  EXPECT_NE(changed.flaw(), "");
}

TEST(Unpacker, normalises_bytes_per_channel) {
  const SampleSchema schema = pixels();
  Bytes rows(2 * schema.row_bytes());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::byte>(i * 37 % 256);
  for (const std::size_t row : {0U, 1U}) {
    const std::int32_t target = row == 0 ? 3 : 1;
    std::memcpy(rows.data() + row * schema.row_bytes() + schema.feature_bytes(), &target, 4);
  }
  std::vector<float> features(2 * 105);
  std::vector<std::int32_t> targets(2);
  ASSERT_TRUE(unpack(schema, rows,
                     {{features.data(), schema.features(2)}, {targets.data(), schema.targets(2)}}));
  EXPECT_EQ(targets, (std::vector<std::int32_t>{3, 1}));
  for (std::size_t i = 0; i < features.size(); ++i) {
    const std::size_t row = i / 105;
    const std::size_t channel = i % 3;
    const double x = std::to_integer<int>(rows[row * schema.row_bytes() + i % 105]);
    const double wanted =
        (x / 255 - schema.normalisation.mean[channel]) / schema.normalisation.std[channel];
    EXPECT_NEAR(features[i], wanted, 1e-6 * (1 + std::abs(wanted))) << i;
    // The documented arithmetic, to the bit.
    const auto centre = static_cast<float>(schema.normalisation.mean[channel] / (1.0 / 255));
    const auto factor = static_cast<float>((1.0 / 255) / schema.normalisation.std[channel]);
    EXPECT_EQ(features[i], (static_cast<float>(x) - centre) * factor) << i;
  }
}

TEST(Unpacker, refuses_tokens_and_classes_out_of_range_and_rows_of_the_wrong_size) {
  const SampleSchema schema = tokens();
  std::int32_t features[3];
  float targets[2];
  const View to_features{features, schema.features(1)};
  const View to_targets{targets, schema.targets(1)};
  const auto row_of = [&](std::int32_t token) {
    ByteWriter row;
    for (const std::int32_t id : {1, token, 9}) row.put(id);
    row.put(0.5F);
    row.put(-2.0F);
    return row.take();
  };
  EXPECT_TRUE(unpack(schema, row_of(0), {to_features, to_targets}));
  EXPECT_EQ(features[2], 9);
  EXPECT_EQ(targets[1], -2.0F);
  EXPECT_FALSE(unpack(schema, row_of(10), {to_features, to_targets}));
  EXPECT_FALSE(unpack(schema, row_of(-1), {to_features, to_targets}));
  EXPECT_FALSE(unpack(schema, ByteSpan(row_of(0)).first(19), {to_features, to_targets}));

  SampleSchema labelled = pixels();
  Bytes raw(labelled.row_bytes());
  raw[labelled.feature_bytes()] = std::byte{4};
  std::vector<float> out(105);
  std::int32_t label = 0;
  EXPECT_FALSE(
      unpack(labelled, raw, {{out.data(), labelled.features(1)}, {&label, labelled.targets(1)}}));
}

TEST(Unpacker, an_f32_row_at_an_odd_address_is_read) {
  SampleSchema schema;
  schema.feature_shape = {2};
  schema.normalisation = {.scale = 1, .mean = {10, 20}, .std = {2, 4}};
  schema.target_width = 2;
  Bytes raw(1 + schema.row_bytes());
  const float values[] = {14, 12};
  std::memcpy(raw.data() + 1, values, 8);
  float features[2];
  std::int32_t target = 7;
  ASSERT_TRUE(unpack(schema, ByteSpan(raw).subspan(1),
                     {{features, schema.features(1)}, {&target, schema.targets(1)}}));
  EXPECT_EQ(features[0], 2.0F);
  EXPECT_EQ(features[1], -2.0F);
  EXPECT_EQ(target, 0);
}

}  // namespace
}  // namespace raven
