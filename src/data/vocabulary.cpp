#include "raven/data/vocabulary.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "data/merging.hpp"
#include "data/text_pieces.hpp"
#include "data/vocabulary_learner.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::size_t longest_text = std::size_t{1} << 16;
/// Of all texts together: a short list of merges can double what it stands for at every step.
constexpr std::size_t most_text = std::size_t{64} << 20;

}  // namespace

std::string_view to_string(TokenUnit unit) {
  switch (unit) {
    case TokenUnit::character:
      return "char";
    case TokenUnit::word:
      return "word";
    case TokenUnit::byte_pair:
      return "byte_pair";
  }
  return "unknown";
}

Vocabulary::Vocabulary(TokenUnit unit, std::vector<std::string> texts, std::vector<Merge> merges)
    : unit_(unit), texts_(std::move(texts)), merges_(std::move(merges)) {
  for (std::size_t i = 0; i < merges_.size(); ++i) {
    merge_ranks_.emplace(pair_key(merges_[i][0], merges_[i][1]), static_cast<std::int32_t>(i));
  }
  if (unit_ == TokenUnit::byte_pair) return;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    numbers_.emplace(texts_[i], static_cast<std::int32_t>(i));
  }
}

Vocabulary Vocabulary::learn(TokenUnit unit, std::string_view text, std::int32_t limit) {
  VocabularyLearner learner(unit, limit);
  learner.add(text);
  return learner.learnt();
}

Vocabulary Vocabulary::of_counts(const std::map<std::string, std::int64_t>& counts,
                                 std::int32_t limit, std::int64_t least) {
  if (limit < 2) {
    throw InputError("a vocabulary of at most " + std::to_string(limit) + " is too small",
                     "allow at least 2");
  }
  std::vector<std::pair<std::string_view, std::int64_t>> sorted;
  for (const auto& [word, count] : counts) {
    if (count >= least && word != unknown) sorted.emplace_back(word, count);
  }
  // Stable: words of equal count stay in the order of their bytes.
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           &std::pair<std::string_view, std::int64_t>::second);
  std::vector<std::string> texts{std::string(unknown)};
  for (const auto& [word, count] : sorted) {
    if (texts.size() >= static_cast<std::size_t>(limit)) break;
    texts.emplace_back(word);
  }
  return of_texts(TokenUnit::word, std::move(texts));
}

std::int32_t Vocabulary::token_of(const std::string& word) const {
  expects(unit_ == TokenUnit::word, "a word is looked up among words");
  const auto found = numbers_.find(word);
  return found == numbers_.end() ? 0 : found->second;
}

Vocabulary Vocabulary::of_texts(TokenUnit unit, std::vector<std::string> texts) {
  expects(unit != TokenUnit::byte_pair, "byte pairs are told by their merges");
  const std::size_t given = texts.size();
  Vocabulary made(unit, std::move(texts), {});
  if (given == 0 || made.numbers_.size() != given || made.numbers_.contains("")) {
    throw InputError("a vocabulary has no token, an empty one or one twice", "give each one once");
  }
  return made;
}

Vocabulary Vocabulary::of_merges(std::vector<Merge> merges) {
  std::vector<std::string> texts;
  for (std::int32_t i = 0; i < byte_values; ++i) {
    texts.emplace_back(1, static_cast<char>(static_cast<unsigned char>(i)));
  }
  std::size_t all_text = 0;
  for (const Merge& merge : merges) {
    const auto known = static_cast<std::int32_t>(texts.size());
    for (const std::int32_t part : merge) {
      if (part < 0 || part >= known) {
        throw InputError("a byte pair names token " + std::to_string(part) + ", but only " +
                             std::to_string(known) + " stand before it",
                         "a merge is of two earlier tokens");
      }
    }
    std::string both = texts[static_cast<std::size_t>(merge[0])];
    both += texts[static_cast<std::size_t>(merge[1])];
    all_text += both.size();
    if (both.size() > longest_text || all_text > most_text) {
      throw InputError(
          "a byte pair stands for more than 64 KiB, or all of them for more than 64 MiB",
          "merge less");
    }
    texts.push_back(std::move(both));
  }
  const std::size_t given = merges.size();
  Vocabulary made(TokenUnit::byte_pair, std::move(texts), std::move(merges));
  if (made.merge_ranks_.size() != given) {
    throw InputError("a byte pair is merged twice", "merge each pair once");
  }
  return made;
}

Digest Vocabulary::digest() const {
  ByteWriter out;
  out.put(unit_);
  for (const Merge& merge : merges_) out.put_list(std::span<const std::int32_t>(merge));
  if (unit_ != TokenUnit::byte_pair) {
    for (const std::string& text : texts_) out.put_string(text);
  }
  return digest_of(out.bytes());
}

std::vector<std::int32_t> Vocabulary::encode(std::string_view text) const {
  std::vector<std::int32_t> tokens;
  if (unit_ == TokenUnit::byte_pair) {
    std::unordered_map<std::string_view, std::vector<std::int32_t>> done;
    for (const std::string_view chunk : chunks_of(text)) {
      auto [place, fresh] = done.try_emplace(chunk);
      std::vector<std::int32_t>& merged = place->second;
      if (fresh) merged = bytes_as_tokens(chunk);
      while (fresh && merged.size() > 1) {
        std::int32_t first_merge = std::numeric_limits<std::int32_t>::max();
        for (std::size_t i = 0; i + 1 < merged.size(); ++i) {
          const auto rank = merge_ranks_.find(pair_key(merged[i], merged[i + 1]));
          if (rank != merge_ranks_.end()) first_merge = std::min(first_merge, rank->second);
        }
        if (first_merge == std::numeric_limits<std::int32_t>::max()) break;
        merge_in(merged, merges_[static_cast<std::size_t>(first_merge)], byte_values + first_merge);
      }
      tokens.insert(tokens.end(), merged.begin(), merged.end());
    }
    return tokens;
  }
  const bool words = unit_ == TokenUnit::word;
  for (const std::string_view piece : words ? words_of(text) : characters_of(text)) {
    const auto found = numbers_.find(std::string(piece));
    if (found == numbers_.end() && !words) {
      throw InputError("the character '" + std::string(piece) + "' is not in the vocabulary",
                       "leave it out; the manifest's vocabulary lists those that are");
    }
    tokens.push_back(found == numbers_.end() ? 0 : found->second);
  }
  return tokens;
}

std::string Vocabulary::decode(std::span<const std::int32_t> tokens) const {
  std::string text;
  for (const std::int32_t token : tokens) {
    expects(token >= 0 && token < size(), "a token is in its vocabulary");
    const std::string& piece = texts_[static_cast<std::size_t>(token)];
    const bool apart = unit_ == TokenUnit::word && !text.empty() && text.back() != '\n' &&
                       piece != "\n" && piece != "," && piece != "." && piece != ";" &&
                       piece != ":" && piece != "?" && piece != "!";
    if (apart) text += ' ';
    text += piece;
  }
  return text;
}

}  // namespace raven
