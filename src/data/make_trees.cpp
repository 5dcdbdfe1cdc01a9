#include <algorithm>
#include <array>

#include "data/exact_random.hpp"
#include "data/made_words.hpp"
#include "data/ragged_writer.hpp"
#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr std::uint32_t trees_purpose = 0x54524545;
constexpr std::int32_t bound = 4;

constexpr std::array own_words{"not", "never", "hardly", "very", "truly", "deeply"};
constexpr std::uint32_t first_negation = 1;  // `<unk>` is 0
constexpr std::uint32_t first_intensifier = 4;
constexpr std::uint32_t first_open = 7;
/// What made-up words are worth, by their number.
constexpr std::array<std::int32_t, 8> values{0, -2, 0, 1, 0, 2, 0, -1};

std::int32_t class_of(std::int32_t value) {
  if (value <= -3) return 0;
  if (value < 0) return 1;
  if (value == 0) return 2;
  return value < 3 ? 3 : 4;
}

class Grower {
 public:
  Grower(ExactRandom& random, std::int32_t vocabulary)
      : random_(random), open_(static_cast<std::uint32_t>(vocabulary) - first_open) {}

  SentimentTree grow(std::uint32_t leaves) {
    tree_.parents[branch(leaves, false).node] = -1;
    return std::move(tree_);
  }

 private:
  enum class Meaning : std::uint8_t { value, negation, intensifier };
  struct Part {
    std::size_t node;
    std::int32_t value = 0;
    Meaning meaning = Meaning::value;
  };

  std::size_t put(std::int32_t value) {
    tree_.parents.push_back(0);
    tree_.classes.push_back(class_of(value));
    return tree_.parents.size() - 1;
  }

  Part leaf(bool left) {
    if (left && random_.below(2) == 0) {
      const bool negates = random_.below(2) == 0;
      const std::uint32_t first = negates ? first_negation : first_intensifier;
      tree_.words.push_back(static_cast<std::int32_t>(first + random_.below(3)));
      return {put(0), 0, negates ? Meaning::negation : Meaning::intensifier};
    }
    const std::uint32_t a = random_.below(open_);
    const std::uint32_t word = std::min(a, random_.below(open_));
    tree_.words.push_back(static_cast<std::int32_t>(first_open + word));
    const std::int32_t value = values.at(word % values.size());
    return {put(value), value};
  }

  Part branch(std::uint32_t leaves, bool left) {
    if (leaves == 1) return leaf(left);
    const std::uint32_t first = 1 + random_.below(leaves - 1);
    const Part a = branch(first, true);
    const Part b = branch(leaves - first, false);
    std::int32_t value = a.value + b.value;
    if (a.meaning == Meaning::negation) value = -b.value;
    if (a.meaning == Meaning::intensifier) value = 2 * b.value;
    value = std::clamp(value, -bound, bound);
    const std::size_t node = put(value);
    tree_.parents[a.node] = static_cast<std::int32_t>(node);
    tree_.parents[b.node] = static_cast<std::int32_t>(node);
    return {node, value};
  }

  ExactRandom& random_;
  std::uint32_t open_;
  SentimentTree tree_;
};

}  // namespace

SentimentTree sentiment_tree(std::uint64_t seed, std::uint64_t index, std::int32_t vocabulary) {
  expects(vocabulary >= least_made_words, "a made-up language has words enough");
  ExactRandom random({.seed = seed, .op = trees_purpose, .sample = index});
  const std::uint32_t leaves = 5 + random.below(36);
  return Grower(random, vocabulary).grow(leaves);
}

Vocabulary sentiment_vocabulary(std::int32_t size) { return made_vocabulary(own_words, size); }

ImportReport make_trees(std::int64_t count, std::int32_t vocabulary, TargetKind targets,
                        const ImportOptions& options) {
  check_made(count, vocabulary);
  expects(targets == TargetKind::tags || targets == TargetKind::classes,
          "a tree has a class, or each of its nodes");
  const std::vector<std::string> names{"bad", "poor", "mixed", "fine", "good"};
  RaggedWriter writer(
      options,
      token_schema(SampleForm::tree, targets, vocabulary, static_cast<std::int32_t>(names.size())),
      names, sentiment_vocabulary(vocabulary));
  make_both(count, options, [&](bool valid, std::uint64_t index) {
    SentimentTree tree = sentiment_tree(options.seed, index, vocabulary);
    if (targets == TargetKind::classes) tree.classes.assign(1, tree.classes.back());
    writer.add(valid, {.tokens = std::move(tree.words),
                       .parents = std::move(tree.parents),
                       .targets = std::move(tree.classes)});
  });
  return writer.finish();
}

}  // namespace raven
