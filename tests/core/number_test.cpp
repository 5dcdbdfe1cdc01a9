#include "raven/core/number.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace raven {
namespace {

TEST(Number, is_a_decimal_and_nothing_else) {
  EXPECT_EQ(number_of("4"), 4.0);
  EXPECT_EQ(number_of("+4"), 4.0);
  EXPECT_EQ(number_of(" -4.50\t"), -4.5);
  EXPECT_EQ(number_of(".5"), 0.5);
  EXPECT_EQ(number_of("5."), 5.0);
  EXPECT_EQ(number_of("1E+3"), 1000.0);
  EXPECT_EQ(number_of("0001"), 1.0);
  EXPECT_EQ(number_of("-0"), 0.0);
  for (const char* none :
       {"",        " ",    "+",     "-",    ".",        "+-4",   "-+4",    "++4",
        "--4",     "- 4",  "1,5",   "1 5",  "1.2.3",    "1e",    "1e+",    "e5",
        "1e5.0",   "0x10", "inf",   "-inf", "infinity", "nan",   "NaN",    "nan(1)",
        "NA",      "?",    "1_000", "1f",   "4L",       "1e400", "-1e309", "1e99999999999999999999",
        "\xD9\xA3"}) {
    EXPECT_EQ(number_of(none), std::nullopt) << none;
  }
}

TEST(Number, what_is_too_small_is_zero) {
  EXPECT_EQ(number_of("1e-400"), 0.0);
  EXPECT_EQ(number_of("-1e-99999999999999999999"), 0.0);
  EXPECT_EQ(number_of("5e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(number_of("0e99999"), 0.0);
  EXPECT_EQ(number_of("0." + std::string(500, '0') + "1e500"), 0.1);
}

TEST(Number, equals_strtod_on_random_decimals) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100000; ++i) {
    std::string text = random() % 2 == 0 ? "-" : "";
    const std::size_t digits = 1 + random() % 25;
    const std::size_t point = random() % (digits + 1);
    for (std::size_t d = 0; d < digits; ++d) {
      if (d == point) text += '.';
      text += static_cast<char>('0' + random() % 10);
    }
    if (random() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 600) - 300);
    const double expected = std::strtod(text.c_str(), nullptr);
    if (std::isinf(expected)) {
      EXPECT_EQ(number_of(text), std::nullopt) << text;
    } else {
      ASSERT_EQ(number_of(text), expected) << text;
    }
  }
}

TEST(Number, fits_float32_when_it_rounds_to_a_finite_one) {
  EXPECT_TRUE(fits_float(*number_of("3.40282347e38")));
  EXPECT_TRUE(fits_float(*number_of("3.40282350e38")));
  EXPECT_TRUE(fits_float(*number_of("-3.4028235e38")));
  EXPECT_FALSE(fits_float(*number_of("3.4028236e38")));
  EXPECT_FALSE(fits_float(*number_of("1e39")));
  EXPECT_EQ(static_cast<float>(*number_of("3.40282350e38")), std::numeric_limits<float>::max());
}

TEST(Number, has_one_plain_text) {
  for (const char* one : {"1", "1.0", "+01", "1e0", "10e-1", "0.1E1", " 001.000 "}) {
    EXPECT_EQ(plain_number(one), "1") << one;
  }
  for (const char* zero : {"0", "-0", "0.000", "0e7", "1e-400"}) EXPECT_EQ(plain_number(zero), "0");
  EXPECT_EQ(plain_number("-12.50"), "-12.5");
  EXPECT_EQ(plain_number("1e2"), "100");
  EXPECT_EQ(plain_number("0.00050"), "0.0005");
  EXPECT_EQ(plain_number("1.5e-9"), "1.5e-9");
  EXPECT_EQ(plain_number("1e21"), "1e21");
  EXPECT_EQ(plain_number("1e20"), "100000000000000000000");
  EXPECT_EQ(plain_number("9007199254740993"), "9007199254740993") << "more digits than float64 has";
  EXPECT_EQ(plain_number("one"), std::nullopt);
  EXPECT_EQ(plain_name(" one "), "one");
  EXPECT_EQ(plain_name("01"), "1");
}

}  // namespace
}  // namespace raven
