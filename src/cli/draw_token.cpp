#include "cli/draw_token.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "raven/core/contract.hpp"

namespace raven {

std::int32_t draw_token(std::span<const float> logits, const DrawRule& rule, double unit) {
  expects(!logits.empty(), "a vocabulary has tokens");
  const auto logit = [&](std::int32_t token) {
    return static_cast<double>(logits[static_cast<std::size_t>(token)]);
  };
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order,
                           [&](std::int32_t a, std::int32_t b) { return logit(a) > logit(b); });
  if (rule.temperature == 0) return order[0];
  if (rule.top_k > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(rule.top_k)));
  std::vector<double> shares;
  for (const std::int32_t token : order) {
    shares.push_back(std::exp((logit(token) - logit(order[0])) / rule.temperature));
  }
  double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (rule.top_p < 1) {
    double kept = 0;
    std::size_t count = 0;
    while (count < shares.size() && (count == 0 || kept < rule.top_p * total)) {
      kept += shares[count++];
    }
    shares.resize(count);
    total = kept;
  }
  double left = unit * total;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    left -= shares[i];
    if (left < 0) return order[i];
  }
  return order[0];
}

}  // namespace raven
