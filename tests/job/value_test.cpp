#include "job/value.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using std::chrono::milliseconds;

TEST(Value, times_have_a_unit) {
  EXPECT_EQ(parse_duration("500 ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("2 min"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1.5 h"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("0 s"), milliseconds(0));
  for (const char* bad :
       {"", "s", "30", "-1 s", "30 parsecs", "1 s s", "1..5 s", "1e9 h", "99999999999 h", ". s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Value, sizes_have_a_unit) {
  EXPECT_EQ(parse_size("512 MiB"), 512U << 20);
  EXPECT_EQ(parse_size("4 GB"), 4'000'000'000U);
  EXPECT_EQ(parse_size("1.5KiB"), 1536U);
  EXPECT_EQ(parse_size("100 B"), 100U);
  for (const char* bad : {"", "512", "MiB", "-4 GB", "4 gb", "99999999 TiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Value, numbers_are_read_whole_or_not_at_all) {
  EXPECT_EQ(parse_integer("-7"), -7);
  EXPECT_EQ(parse_integer("+7"), 7);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_real("1.0e-3"), 1.0e-3);
  EXPECT_EQ(parse_real("1e-3"), 1.0e-3);
  EXPECT_EQ(parse_boolean("true"), true);
  for (const char* bad :
       {"", "7 ", " 7", "7x", "0x7", "1.5", "9223372036854775808", "+-7", "--7"}) {
    EXPECT_FALSE(parse_integer(bad)) << bad;
  }
  for (const char* bad : {"", "nan", "inf", "-inf", ".inf", "1e999", "1,5", "1.5 "}) {
    EXPECT_FALSE(parse_real(bad)) << bad;
  }
  for (const char* bad : {"", "True", "yes", "1"}) EXPECT_FALSE(parse_boolean(bad)) << bad;
}

}  // namespace
}  // namespace raven
