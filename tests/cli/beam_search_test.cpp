#include "cli/beam_search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace raven {
namespace {

/// What comes next depends on the last token only: shares[last][next].
class Chain {
 public:
  explicit Chain(std::vector<std::vector<double>> shares) : shares_(std::move(shares)) {}

  /// Logits are the logarithms plus any number, which softmax takes away.
  std::span<const float> after(std::span<const TokenText> texts) {
    logits_.clear();
    for (const TokenText& text : texts) {
      for (const double share : shares_[static_cast<std::size_t>(text.back())]) {
        logits_.push_back(static_cast<float>(std::log(share) + 3.0));
      }
    }
    asked_ += texts.size();
    return logits_;
  }

  std::vector<BeamText> search(const TokenText& prompt, const BeamRule& rule) {
    return beam_search(prompt, rule,
                       [&](std::span<const TokenText> texts) { return after(texts); });
  }

  [[nodiscard]] double share(std::int32_t last, std::int32_t next) const {
    return shares_[static_cast<std::size_t>(last)][static_cast<std::size_t>(next)];
  }
  [[nodiscard]] std::int32_t tokens() const { return static_cast<std::int32_t>(shares_.size()); }
  [[nodiscard]] std::size_t asked() const { return asked_; }

 private:
  std::vector<std::vector<double>> shares_;
  std::vector<float> logits_;
  std::size_t asked_ = 0;
};

/// From 0 the likeliest first step, to 1, leads nowhere in particular; 2 then leads to 3 for sure.
Chain forked() {
  return Chain({{0.1, 0.5, 0.4, 1e-9},
                {0.3, 0.3, 0.2, 0.2},
                {0.05, 0.03, 0.02, 0.9},
                {0.25, 0.25, 0.25, 0.25}});
}

TEST(BeamSearch, one_text_takes_the_likeliest_token_each_time) {
  const std::vector<BeamText> found = forked().search({0}, {.width = 1, .tokens = 2});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].text, (TokenText{0, 1, 0}));  // the lower of two equally likely tokens
  EXPECT_NEAR(found[0].log_probability, std::log(0.5 * 0.3), 1e-6);
  EXPECT_NEAR(found[0].score, std::log(0.5 * 0.3) / 2, 1e-6);
  EXPECT_FALSE(found[0].complete);
}

TEST(BeamSearch, two_texts_find_what_the_likeliest_first_token_hides) {
  const std::vector<BeamText> found = forked().search({0}, {.width = 2, .tokens = 2});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].text, (TokenText{0, 2, 3}));
  EXPECT_NEAR(found[0].log_probability, std::log(0.4 * 0.9), 1e-6);
  EXPECT_EQ(found[1].text, (TokenText{0, 1, 0}));
}

/// Complete after 3 with logarithm log(0.4) in one token, or log(0.6 * 0.8 * 0.8) in three.
Chain ending() {
  return Chain(
      {{1e-9, 0.6, 1e-9, 0.4}, {1e-9, 1e-9, 0.8, 0.2}, {0.2, 1e-9, 1e-9, 0.8}, {1, 1, 1, 1}});
}

TEST(BeamSearch, the_power_of_the_length_decides_between_short_and_long) {
  const auto best = [](double power) {
    BeamRule rule{.width = 3, .tokens = 5, .end = 3};
    rule.length_power = power;
    return ending().search({0}, rule).front();
  };
  EXPECT_EQ(best(0).text, (TokenText{0, 3}));
  EXPECT_NEAR(best(0).score, std::log(0.4), 1e-6);
  EXPECT_EQ(best(1).text, (TokenText{0, 1, 2, 3}));
  EXPECT_NEAR(best(1).score, std::log(0.6 * 0.8 * 0.8) / 3, 1e-6);
  EXPECT_TRUE(best(1).complete);
}

TEST(BeamSearch, ends_when_nothing_followed_can_become_better) {
  // All go to 1, the end, with 0.9: what is followed after two steps is less likely than both.
  Chain chain({{0.1, 0.9}, {0.5, 0.5}});
  BeamRule rule{.width = 2, .tokens = 1000, .end = 1};
  rule.length_power = 0;
  const std::vector<BeamText> found = chain.search({0}, rule);
  EXPECT_EQ(found.front().text, (TokenText{0, 1}));
  EXPECT_LE(chain.asked(), 2U);
}

/// Every text of `tokens` more, the best by its mean: what a beam as wide as all of them must find.
double best_mean(const Chain& chain, const TokenText& text, std::int64_t left,
                 double log_probability, std::int64_t added) {
  if (added > 0 && (left == 0 || text.back() == 2)) {
    return log_probability / static_cast<double>(added);
  }
  double best = -std::numeric_limits<double>::infinity();
  for (std::int32_t token = 0; token < chain.tokens(); ++token) {
    TokenText longer = text;
    longer.push_back(token);
    const double more = std::log(chain.share(text.back(), token));
    best = std::max(best, best_mean(chain, longer, left - 1, log_probability + more, added + 1));
  }
  return best;
}

TEST(BeamSearch, as_wide_as_all_texts_it_finds_the_best_of_all) {
  Chain chain({{0.5, 0.3, 0.2}, {0.15, 0.55, 0.3}, {0.3, 0.3, 0.4}});
  for (std::int64_t tokens = 1; tokens <= 5; ++tokens) {
    const std::vector<BeamText> found =
        chain.search({0}, {.width = 243, .tokens = tokens, .end = 2});
    EXPECT_NEAR(found.front().score, best_mean(chain, {0}, tokens, 0, 0), 1e-6) << tokens;
    EXPECT_TRUE(std::ranges::is_sorted(found, std::ranges::greater(), &BeamText::score));
  }
}

}  // namespace
}  // namespace raven
