#pragma once

#include <cstdint>
#include <vector>

#include "raven/data/import.hpp"
#include "raven/data/schema.hpp"
#include "raven/data/vocabulary.hpp"

namespace raven {

/// A made-up language to try taggers and tree models with. Sentences and trees are pure functions
/// of (seed, index, vocabulary), the same on every machine, and have 5 to 40 words.

struct TaggedSentence {
  std::vector<std::int32_t> words;  ///< tokens of tag_vocabulary()
  std::vector<std::int32_t> tags;   ///< of tag_names(), as many
};

/// Least and most words of the vocabularies below, and so of `vocabulary` everywhere here.
constexpr std::int32_t least_made_words = 64;
constexpr std::int32_t most_made_words = 300'000;

/// Sentence `index` of a small grammar with parts of speech. What surrounds a word always tells its
/// tag, the word alone does so for 6 in 10 of most: a noun can be a verb elsewhere, "that" begins a
/// phrase or a clause, and the tag of the full stop depends on the sentence's first word.
[[nodiscard]] TaggedSentence tagged_sentence(std::uint64_t seed, std::uint64_t index,
                                             std::int32_t vocabulary);
[[nodiscard]] const std::vector<std::string>& tag_names();
[[nodiscard]] Vocabulary tag_vocabulary(std::int32_t size);

struct SentimentTree {
  std::vector<std::int32_t> words;    ///< the leaves, tokens of sentiment_vocabulary()
  std::vector<std::int32_t> parents;  ///< of the nodes, in postorder
  std::vector<std::int32_t> classes;  ///< of each node: 0, bad, to 4, good
};

/// Binary tree `index`, each split of its words uniform. Words have values from -2 to 2; a branch
/// adds those of its two parts, within -4 .. 4, but "not" and the like on its left turn the sign of
/// all that its right part is worth, "very" and the like double it. So the same words mean
/// something else in another tree.
[[nodiscard]] SentimentTree sentiment_tree(std::uint64_t seed, std::uint64_t index,
                                           std::int32_t vocabulary);
[[nodiscard]] Vocabulary sentiment_vocabulary(std::int32_t size);

/// Data sets of `count` to train on; those to validate come on top, from another series.
/// @throws InputError when count or vocabulary are out of range, or the disk won't have them
ImportReport make_tags(std::int64_t count, std::int32_t vocabulary, const ImportOptions& options);
/// @param targets TargetKind::tags: a class for each node; TargetKind::classes: that of the root
ImportReport make_trees(std::int64_t count, std::int32_t vocabulary, TargetKind targets,
                        const ImportOptions& options);

}  // namespace raven
