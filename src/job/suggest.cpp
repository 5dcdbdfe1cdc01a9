#include "raven/job/suggest.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace raven {
namespace {

/// What other tools call the same thing.
struct Synonym {
  std::string_view word;
  std::string_view ours;
};

constexpr std::array synonyms{
    Synonym{"dense", "linear"},
    Synonym{"fc", "linear"},
    Synonym{"fully_connected", "linear"},
    Synonym{"conv", "conv2d"},
    Synonym{"convolution", "conv2d"},
    Synonym{"maxpool", "max_pool2d"},
    Synonym{"maxpool2d", "max_pool2d"},
    Synonym{"avgpool", "avg_pool2d"},
    Synonym{"bn", "batch_norm"},
    Synonym{"batchnorm2d", "batch_norm"},
    Synonym{"filters", "channels"},
    Synonym{"out_channels", "channels"},
    Synonym{"units", "features"},
    Synonym{"out_features", "features"},
    Synonym{"kernel_size", "kernel"},
    Synonym{"kernel_size", "size"},
    Synonym{"kernel", "size"},
    Synonym{"pad", "padding"},
    Synonym{"lr", "rate"},
    Synonym{"learning_rate", "rate"},
    Synonym{"p", "rate"},
    Synonym{"batch_size", "batch"},
    Synonym{"max_steps", "steps"},
    Synonym{"iterations", "steps"},
    Synonym{"criterion", "loss"},
    Synonym{"layers", "model"},
    Synonym{"network", "model"},
    Synonym{"dataset", "data"},
    Synonym{"validation", "valid"},
    Synonym{"val", "valid"},
    Synonym{"random_seed", "seed"},
    Synonym{"training", "train"},
    Synonym{"swish", "silu"},
    Synonym{"crossentropy", "cross_entropy"},
    Synonym{"mean_squared_error", "mse"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Longer words are garbage, not typing mistakes; the table of distances stays small.
constexpr std::size_t longest_word = 64;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> cost((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return cost[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
  }
  return at(a.size(), b.size());
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > longest_word) return {};
  for (const Synonym& synonym : synonyms) {
    if (edit_distance(word, synonym.word) == 0 &&
        std::ranges::count(candidates, synonym.ours) > 0) {
      return synonym.ours;
    }
  }
  std::string_view best;
  // A third of the letters may be wrong, and one always, unless nothing of a short word would be
  // left.
  std::size_t allowed = std::max<std::size_t>(word.size() / 3, word.size() > 1 ? 1 : 0);
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < (best.empty() ? allowed + 1 : allowed)) {
      best = candidate;
      allowed = distance;
    }
  }
  if (!best.empty()) return best;
  // "pool" for max_pool2d, "norm" for batch_norm: a piece of exactly one candidate.
  for (const std::string_view candidate : candidates) {
    if (word.size() < 3 || candidate.find(word) == std::string_view::npos) continue;
    if (!best.empty()) return {};
    best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  if (const std::string_view best = nearest(word, candidates); !best.empty()) {
    return "did you mean '" + std::string(best) + "'?";
  }
  std::string text = "known here: ";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0) text += ", ";
    text += candidates[i];
  }
  return candidates.empty() ? "nothing can stand here" : text;
}

}  // namespace raven
