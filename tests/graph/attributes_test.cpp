#include "raven/graph/attributes.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace raven {
namespace {

Attributes one_of_each() {
  return {{"rate", 0.5},
          {"axis", std::int64_t{-3}},
          {"name", "relu"},
          {"stride", std::vector<std::int64_t>{1, 2}},
          {"weights", std::vector<double>{0.25, 4.0}}};
}

Bytes encoded(const Attributes& attributes) {
  ByteWriter to;
  attributes.encode(to);
  return to.take();
}

TEST(Attributes, are_found_by_name_and_type) {
  const Attributes all = one_of_each();
  EXPECT_EQ(all.real("rate"), 0.5);
  EXPECT_EQ(all.integer("axis"), -3);
  EXPECT_EQ(all.text("name"), "relu");
  EXPECT_EQ(all.integers("stride"), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(all.reals("weights"), (std::vector<double>{0.25, 4.0}));
  EXPECT_EQ(all.find("none"), nullptr);
}

TEST(Attributes, have_equal_bytes_whatever_order_they_were_set_in) {
  Attributes other;
  other.set("weights", std::vector<double>{0.25, 4.0});
  other.set("name", "gelu");
  other.set("axis", std::int64_t{-3});
  other.set("stride", std::vector<std::int64_t>{1, 2});
  other.set("rate", 0.5);
  EXPECT_NE(other, one_of_each());
  other.set("name", "relu");
  EXPECT_EQ(other, one_of_each());
  EXPECT_EQ(encoded(other), encoded(one_of_each()));
}

TEST(Attributes, round_trip) {
  for (const Attributes& some : {Attributes(), one_of_each()}) {
    const Bytes bytes = encoded(some);
    ByteReader from(bytes);
    EXPECT_EQ(Attributes::decode(from), some);
    EXPECT_TRUE(from.done());
  }
}

TEST(Attributes, lists_hold_a_million_numbers_and_no_more) {
  const auto read = [](std::size_t numbers) {
    const Bytes bytes = encoded({{"runs", std::vector<std::int64_t>(numbers, 7)}});
    ByteReader from(bytes);
    return Attributes::decode(from).has_value();
  };
  EXPECT_TRUE(read(1 << 20));
  EXPECT_FALSE(read((1 << 20) + 1));
}

TEST(Attributes, minus_zero_and_zero_are_one_number) {
  EXPECT_EQ(encoded({{"x", -0.0}}), encoded({{"x", 0.0}}));
}

TEST(Attributes, bytes_cut_short_anywhere_are_rejected) {
  const Bytes bytes = encoded(one_of_each());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader from(ByteSpan(bytes).first(size));
    EXPECT_FALSE(Attributes::decode(from).has_value()) << size;
  }
}

/// Writes entries as they come, which Attributes itself never would.
std::optional<Attributes> decode_raw(const std::vector<std::pair<std::string, double>>& entries) {
  ByteWriter to;
  to.put(static_cast<std::uint8_t>(entries.size()));
  for (const auto& [key, value] : entries) {
    to.put_string(key);
    to.put(std::uint8_t{2});
    to.put(value);
  }
  const Bytes bytes = to.take();
  ByteReader from(bytes);
  return Attributes::decode(from);
}

TEST(Attributes, only_the_one_canonical_encoding_is_accepted) {
  EXPECT_TRUE(decode_raw({{"a", 1}, {"b", 2}}).has_value());
  EXPECT_FALSE(decode_raw({{"b", 1}, {"a", 2}}).has_value()) << "unsorted";
  EXPECT_FALSE(decode_raw({{"a", 1}, {"a", 2}}).has_value()) << "twice";
  EXPECT_FALSE(decode_raw({{"", 1}}).has_value()) << "without a name";
  EXPECT_FALSE(decode_raw({{std::string(65, 'k'), 1}}).has_value()) << "a long name";
  EXPECT_FALSE(decode_raw({{"a", std::nan("")}}).has_value()) << "NaN";
  EXPECT_FALSE(decode_raw({{"a", -0.0}}).has_value()) << "minus zero";
  std::vector<std::pair<std::string, double>> many;
  for (char c = 'A'; c < 'A' + 33; ++c) many.emplace_back(std::string(1, c), 1.0);
  EXPECT_FALSE(decode_raw(many).has_value()) << "33 entries";
  many.pop_back();
  EXPECT_TRUE(decode_raw(many).has_value()) << "32 entries";
}

}  // namespace
}  // namespace raven
