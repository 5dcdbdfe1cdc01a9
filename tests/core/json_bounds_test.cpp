#include "raven/core/json_bounds.hpp"

#include <gtest/gtest.h>

#include <string>

namespace raven {
namespace {

TEST(JsonBounds, count_values_and_keys_outside_of_quotes) {
  const std::string text = R"({"a": [1, 2], "[[,,": "\"{,:"})";
  // A map, its two keys and values, and the list's two numbers: 7; brackets count once more.
  EXPECT_TRUE(is_within(text, {.values = 8, .depth = 2}));
  EXPECT_FALSE(is_within(text, {.values = 6, .depth = 2}));
  EXPECT_FALSE(is_within(text, {.values = 8, .depth = 1}));
}

TEST(JsonBounds, stop_at_what_is_nested_or_listed_without_end) {
  EXPECT_FALSE(is_within(std::string(65, '[')));
  EXPECT_TRUE(is_within(std::string(64, '[')));
  EXPECT_FALSE(is_within(std::string((std::size_t{1} << 20) + 1, ',')));
  EXPECT_TRUE(is_within(""));
  EXPECT_TRUE(is_within("\"\\"));
}

}  // namespace
}  // namespace raven
