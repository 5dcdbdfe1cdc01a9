#include "cli/draw_token.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace raven {
namespace {

// Shares 0.2, 0.5, 0.2, 0.1.
const std::vector<float> logits{std::log(0.2F), std::log(0.5F), std::log(0.2F), std::log(0.1F)};

/// How often each token comes over evenly spaced draws.
std::array<double, 4> shares(const DrawRule& rule) {
  constexpr int draws = 10000;
  std::array<double, 4> counts{};
  for (int i = 0; i < draws; ++i) {
    const std::int32_t token = draw_token(logits, rule, (i + 0.5) / draws);
    counts[static_cast<std::size_t>(token)] += 1.0 / draws;
  }
  return counts;
}

void expect_shares(const DrawRule& rule, const std::array<double, 4>& right) {
  const std::array<double, 4> seen = shares(rule);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(seen[i], right[i], 2e-4) << "token " << i;
}

TEST(DrawToken, draws_as_the_model_says) { expect_shares({}, {0.2, 0.5, 0.2, 0.1}); }

TEST(DrawToken, temperature_0_takes_the_likeliest) {
  expect_shares({.temperature = 0}, {0, 1, 0, 0});
}

TEST(DrawToken, temperature_sharpens_shares) {
  // Shares to the power of 1 / temperature: 4, 25, 4, 1 of 34.
  expect_shares({.temperature = 0.5}, {4.0 / 34, 25.0 / 34, 4.0 / 34, 1.0 / 34});
}

TEST(DrawToken, top_k_keeps_the_likeliest_and_of_equal_ones_the_first) {
  expect_shares({.top_k = 2}, {0.2 / 0.7, 0.5 / 0.7, 0, 0});
  expect_shares({.top_k = 100}, {0.2, 0.5, 0.2, 0.1});
}

TEST(DrawToken, top_p_keeps_the_fewest_that_reach_the_share) {
  expect_shares({.top_p = 0.0}, {0, 1, 0, 0});
  expect_shares({.top_p = 0.45}, {0, 1, 0, 0});
  expect_shares({.top_p = 0.6}, {0.2 / 0.7, 0.5 / 0.7, 0, 0});
  expect_shares({.top_p = 0.85}, {0.2 / 0.9, 0.5 / 0.9, 0.2 / 0.9, 0});
  expect_shares({.top_p = 1.0}, {0.2, 0.5, 0.2, 0.1});
}

TEST(DrawToken, top_p_is_of_what_temperature_and_top_k_leave) {
  // Of 25 and 4 the first alone has 0.86.
  expect_shares({.temperature = 0.5, .top_k = 2, .top_p = 0.86}, {0, 1, 0, 0});
  expect_shares({.temperature = 0.5, .top_k = 2, .top_p = 0.87}, {4.0 / 29, 25.0 / 29, 0, 0});
}

}  // namespace
}  // namespace raven
