#include "cli/figures.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace raven {
namespace {

TEST(Figures, sizes_move_to_the_next_unit_before_four_digits_are_shown) {
  EXPECT_EQ(size_in_words(0), "0 B");
  EXPECT_EQ(size_in_words(1023), "1023 B");
  EXPECT_EQ(size_in_words(1024), "1.00 KiB");
  EXPECT_EQ(size_in_words(407'080), "398 KiB");
  EXPECT_EQ(size_in_words(1023.6 * 1024), "1.00 MiB");
  EXPECT_EQ(size_in_words(1e30).find('e'), std::string::npos);
}

TEST(Figures, counts_are_grouped_by_thousands) {
  EXPECT_EQ(count_in_words(0), "0");
  EXPECT_EQ(count_in_words(999), "999");
  EXPECT_EQ(count_in_words(1000), "1 000");
  EXPECT_EQ(count_in_words(1234567), "1 234 567");
  EXPECT_EQ(count_in_words(-123), "-123");
  EXPECT_EQ(count_in_words(-1234), "-1 234");
  EXPECT_EQ(plural(1, "step"), "1 step");
  EXPECT_EQ(plural(2000, "step"), "2 000 steps");
}

TEST(Figures, times_are_as_long_as_they_must_be) {
  EXPECT_EQ(time_in_words(0.4), "0:00");
  EXPECT_EQ(time_in_words(31), "0:31");
  EXPECT_EQ(time_in_words(59.6), "1:00");
  EXPECT_EQ(time_in_words(3723), "1:02:03");
  EXPECT_EQ(time_in_words(3 * 86400 + 4 * 3600), "3d 04:00");
  EXPECT_EQ(time_in_words(std::numeric_limits<double>::infinity()), "for ever");
  EXPECT_EQ(time_in_words(std::numeric_limits<double>::quiet_NaN()), "for ever");
  EXPECT_EQ(time_in_words(-5), "0:00");
}

TEST(Figures, prefixes_keep_three_digits) {
  EXPECT_EQ(with_prefix(7.125), "7.12 ");
  EXPECT_EQ(with_prefix(8123), "8.12 k");
  EXPECT_EQ(with_prefix(999'900), "1.00 M");
}

}  // namespace
}  // namespace raven
