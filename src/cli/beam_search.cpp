#include "cli/beam_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

/// A text and a token more.
struct Continuation {
  std::size_t of;
  std::int32_t token;
  double log_probability;
};

double log_sum_exp(std::span<const float> logits) {
  const auto highest = static_cast<double>(*std::ranges::max_element(logits));
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(total);
}

/// Adds the `width` likeliest continuations of one text.
void add_likeliest(std::span<const float> logits, std::size_t width, std::size_t of, double before,
                   std::vector<Continuation>& to) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = static_cast<std::ptrdiff_t>(std::min(width, order.size()));
  const auto logit = [&](std::int32_t token) { return logits[static_cast<std::size_t>(token)]; };
  std::ranges::partial_sort(order, order.begin() + kept, [&](std::int32_t a, std::int32_t b) {
    return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
  });
  const double normaliser = log_sum_exp(logits);
  for (auto token = order.begin(); token != order.begin() + kept; ++token) {
    to.push_back({of, *token, before + static_cast<double>(logit(*token)) - normaliser});
  }
}

double score_of(double log_probability, std::int64_t added, double power) {
  return log_probability / std::pow(static_cast<double>(added), power);
}

void keep_best(std::vector<BeamText>& texts, std::size_t width) {
  std::ranges::stable_sort(texts,
                           [](const BeamText& a, const BeamText& b) { return a.score > b.score; });
  if (texts.size() > width) texts.resize(width);
}

}  // namespace

std::vector<BeamText> beam_search(const TokenText& prompt, const BeamRule& rule, NextLogits next) {
  expects(rule.width >= 1 && rule.tokens >= 1 && !prompt.empty(), "a search has a beginning");
  const auto width = static_cast<std::size_t>(rule.width);
  std::vector<TokenText> followed{prompt};
  std::vector<double> log_probabilities{0.0};
  std::vector<BeamText> found;
  for (std::int64_t added = 1; added <= rule.tokens && !followed.empty(); ++added) {
    const std::span<const float> logits = next(followed);
    const std::size_t vocabulary = logits.size() / followed.size();
    expects(vocabulary > 0 && logits.size() == vocabulary * followed.size(), "a row for each text");
    std::vector<Continuation> continuations;
    for (std::size_t i = 0; i < followed.size(); ++i) {
      add_likeliest(logits.subspan(i * vocabulary, vocabulary), width, i, log_probabilities[i],
                    continuations);
    }
    std::ranges::stable_sort(continuations, [](const Continuation& a, const Continuation& b) {
      return a.log_probability > b.log_probability;
    });
    continuations.resize(std::min(width, continuations.size()));
    std::vector<TokenText> longer;
    std::vector<double> their_log_probabilities;
    for (const Continuation& one : continuations) {
      TokenText text = followed[one.of];
      text.push_back(one.token);
      const bool complete = rule.end == one.token;
      if (complete || added == rule.tokens) {
        const double score = score_of(one.log_probability, added, rule.length_power);
        found.push_back({std::move(text), one.log_probability, score, complete});
      } else {
        longer.push_back(std::move(text));
        their_log_probabilities.push_back(one.log_probability);
      }
    }
    keep_best(found, width);
    followed = std::move(longer);
    log_probabilities = std::move(their_log_probabilities);
    // A text only gets less likely; at best it stays as it is and its length counts in full.
    if (found.size() == width && !followed.empty() &&
        score_of(log_probabilities.front(), rule.tokens, rule.length_power) <= found.back().score) {
      break;
    }
  }
  return found;
}

}  // namespace raven
