#include "raven/snippet/assembly.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

Digest digest_of_byte(std::uint8_t value) {
  Digest digest;
  digest.bytes.fill(std::byte{value});
  return digest;
}

Assembly three_samples_of_two_graphs() {
  return {.autobatch = Autobatch::on,
          .graphs = {digest_of_byte(7), digest_of_byte(9)},
          .of_sample = {0, 1, 0},
          .gradients = {{2}, {3}, {8}}};
}

bool is_refused(const Assembly& assembly) { return !decode_assembly(encode(assembly)).has_value(); }

TEST(Assembly, comes_back_as_it_was) {
  Assembly assembly = three_samples_of_two_graphs();
  for (const Autobatch mode : {Autobatch::on, Autobatch::off}) {
    assembly.autobatch = mode;
    const std::optional<Assembly> back = decode_assembly(encode(assembly));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->autobatch, mode);
    EXPECT_EQ(back->graphs, assembly.graphs);
    EXPECT_EQ(back->of_sample, assembly.of_sample);
    EXPECT_EQ(back->gradients, assembly.gradients);
  }
}

TEST(Assembly, has_the_bytes_of_the_documented_format) {
  const Bytes bytes = encode(Assembly{.autobatch = Autobatch::off,
                                      .graphs = {digest_of_byte(0xab)},
                                      .of_sample = {0},
                                      .gradients = {{0x0102}}});
  std::vector<int> expected{'R', 'V', 'A', 'S', 1, 0, 0, 1, 0, 0, 0};
  expected.insert(expected.end(), 32, 0xab);
  for (const int byte : {1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0}) expected.push_back(byte);
  std::vector<int> written;
  for (const std::byte byte : bytes) written.push_back(std::to_integer<int>(byte));
  EXPECT_EQ(written, expected);
}

TEST(Assembly, is_refused_when_anything_is_missing_at_its_end_or_too_much) {
  const Bytes whole = encode(three_samples_of_two_graphs());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_assembly(ByteSpan(whole).first(size))) << size;
  }
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_assembly(longer));
}

TEST(Assembly, is_refused_when_another_format_or_mode_is_said) {
  const Bytes whole = encode(three_samples_of_two_graphs());
  for (const std::size_t at : {0U, 4U, 6U}) {  // magic, version, autobatch
    Bytes changed = whole;
    changed[at] = std::byte{2};
    EXPECT_FALSE(decode_assembly(changed)) << at;
  }
}

TEST(Assembly, is_refused_when_a_sample_has_no_graph) {
  Assembly assembly = three_samples_of_two_graphs();
  assembly.of_sample = {0, 2};
  EXPECT_TRUE(is_refused(assembly));
  assembly.of_sample = {0xffffffffU};
  EXPECT_TRUE(is_refused(assembly));
  assembly.of_sample = {};
  EXPECT_TRUE(is_refused(assembly));
  EXPECT_TRUE(is_refused({}));
}

TEST(Assembly, is_refused_when_its_gradients_do_not_rise) {
  Assembly assembly = three_samples_of_two_graphs();
  assembly.gradients = {{2}, {2}};
  EXPECT_TRUE(is_refused(assembly));
  assembly.gradients = {{1}, {3}, {2}};
  EXPECT_TRUE(is_refused(assembly));
  assembly.gradients = {};
  EXPECT_FALSE(is_refused(assembly));
}

TEST(Assembly, is_refused_when_its_counts_are_beyond_its_bytes) {
  const Bytes whole = encode(three_samples_of_two_graphs());
  const std::size_t graphs = 7;
  const std::size_t samples = graphs + 4 + 2 * sizeof(Digest);
  for (const std::size_t at : {graphs, samples, samples + 4 + 3 * sizeof(std::uint32_t)}) {
    Bytes changed = whole;
    for (std::size_t i = 0; i < 4; ++i) changed[at + i] = std::byte{0xff};
    EXPECT_FALSE(decode_assembly(changed)) << at;
  }
}

}  // namespace
}  // namespace raven
