#include "raven/core/bytes.hpp"

#include <gtest/gtest.h>

#include "raven/core/digest.hpp"

namespace raven {
namespace {

TEST(Bytes, what_was_written_is_read_back) {
  ByteWriter writer;
  writer.put(std::uint16_t{513});
  writer.put_string("raven");
  writer.put_list<float>(std::array{1.5F, -2.0F});
  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.get<std::uint16_t>(), 513);
  EXPECT_EQ(reader.get_string(), "raven");
  EXPECT_EQ(reader.get_list<float>(), (std::vector{1.5F, -2.0F}));
  EXPECT_TRUE(reader.done());
}

TEST(Bytes, a_list_that_claims_more_than_is_there_fails_without_allocating) {
  ByteWriter writer;
  writer.put(std::uint32_t{0xffffffff});
  ByteReader reader(writer.bytes());
  EXPECT_TRUE(reader.get_list<double>().empty());
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.get<int>(), 0);
}

TEST(Digest, of_abc_is_the_value_in_fips_180_4) {
  const Digest digest = digest_of(std::as_bytes(std::span("abc", 3)));
  EXPECT_EQ(to_hex(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_from_hex(to_hex(digest)), digest);
  EXPECT_FALSE(digest_from_hex("ba78"));
}

}  // namespace
}  // namespace raven
