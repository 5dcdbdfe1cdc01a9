#include "raven/core/mac.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string_view>

namespace raven {
namespace {

ByteSpan bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Mac, has_the_values_of_rfc_4231) {
  EXPECT_EQ(to_hex(mac_of(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const Bytes key(20, std::byte{0x0b});
  EXPECT_EQ(to_hex(mac_of(key, bytes_of("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  const Bytes long_key(131, std::byte{0xaa});
  EXPECT_EQ(
      to_hex(mac_of(long_key, bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Mac, one_flipped_bit_is_another_mac) {
  const Digest mac = mac_of(bytes_of("key"), bytes_of("message"));
  EXPECT_TRUE(same_mac(mac, mac));
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Digest other = mac;
    other.bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(same_mac(mac, other));
  }
}

TEST(Mac, what_is_unguessable_does_not_come_twice) { EXPECT_NE(unguessable(), unguessable()); }

}  // namespace
}  // namespace raven
