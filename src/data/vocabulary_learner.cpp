#include "data/vocabulary_learner.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/merging.hpp"
#include "data/text_pieces.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

using Counts = std::map<std::string, std::int64_t>;

Vocabulary learn_byte_pairs(const Counts& counts, std::int32_t limit) {
  std::vector<std::pair<std::vector<std::int32_t>, std::int64_t>> chunks;
  chunks.reserve(counts.size());
  for (const auto& [chunk, count] : counts) chunks.emplace_back(bytes_as_tokens(chunk), count);
  std::vector<Vocabulary::Merge> merges;
  std::unordered_map<std::uint64_t, std::int64_t> pairs;
  while (byte_values + static_cast<std::int32_t>(merges.size()) < limit) {
    pairs.clear();
    for (const auto& [tokens, count] : chunks) {
      for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        pairs[pair_key(tokens[i], tokens[i + 1])] += count;
      }
    }
    // The most frequent one; of several the one of the lowest tokens, whatever the map's order.
    std::uint64_t best = 0;
    std::int64_t most = 1;
    for (const auto& [pair, count] : pairs) {
      if (count > most || (count == most && most > 1 && pair < best)) {
        std::tie(best, most) = std::pair(pair, count);
      }
    }
    if (most < 2) break;
    const Vocabulary::Merge merge{static_cast<std::int32_t>(best >> 32U),
                                  static_cast<std::int32_t>(best & 0xFFFFFFFFU)};
    const auto into = byte_values + static_cast<std::int32_t>(merges.size());
    for (auto& [tokens, count] : chunks) merge_in(tokens, merge, into);
    merges.push_back(merge);
  }
  return Vocabulary::of_merges(std::move(merges));
}

}  // namespace

VocabularyLearner::VocabularyLearner(TokenUnit unit, std::int32_t limit)
    : unit_(unit), limit_(limit) {
  const std::int32_t least = unit == TokenUnit::byte_pair ? byte_values : 2;
  if (limit < least) {
    throw InputError("a vocabulary of at most " + std::to_string(limit) + " is too small",
                     "allow at least " + std::to_string(least));
  }
}

void VocabularyLearner::add(std::string_view part) {
  switch (unit_) {
    case TokenUnit::character:
      for (const std::string_view c : characters_of(part)) count(c);
      break;
    case TokenUnit::word:
      for (const std::string_view word : words_of(part)) count(word);
      break;
    case TokenUnit::byte_pair:
      for (const std::string_view chunk : chunks_of(part)) count(chunk);
      break;
  }
}

void VocabularyLearner::count(std::string_view piece) {
  constexpr std::size_t merged = 128;  // of a chunk as tokens, beside four bytes for each
  if (++counts_[std::string(piece)] > 1) return;
  held_ += bytes_of_word(piece);
  if (unit_ == TokenUnit::byte_pair) held_ += merged + 4 * piece.size();
  if (held_ <= most_memory) return;
  const bool pairs = unit_ == TokenUnit::byte_pair;
  throw InputError("the text has more than " + std::to_string(counts_.size()) + " different " +
                       (pairs ? "words and runs of blanks or marks" : "words") +
                       ", more than are kept in memory",
                   pairs ? "check that it is a text; learn from a smaller one, and import the rest "
                           "with --like"
                         : "check that it is a text; take byte pairs, or learn from a smaller one "
                           "and import the rest with --like");
}

Vocabulary VocabularyLearner::learnt() const {
  if (counts_.empty()) {
    throw InputError("there is no text to learn from", "check that it is the file meant");
  }
  if (unit_ == TokenUnit::word) return Vocabulary::of_counts(counts_, limit_);
  if (unit_ == TokenUnit::byte_pair) return learn_byte_pairs(counts_, limit_);
  // Bytes of UTF-8 sort as code points do.
  if (counts_.size() > static_cast<std::size_t>(limit_)) {
    throw InputError("the text has " + std::to_string(counts_.size()) +
                         " different characters, more than the vocabulary may hold",
                     "allow more, or take byte pairs");
  }
  std::vector<std::string> texts;
  for (const auto& [character, count] : counts_) texts.push_back(character);
  return Vocabulary::of_texts(TokenUnit::character, std::move(texts));
}

}  // namespace raven
