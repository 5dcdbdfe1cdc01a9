#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace raven {

/// A text as importers and prompts read it: without a byte order mark in front, and each line's
/// end, CRLF, LF or CR alone, is LF.
[[nodiscard]] std::string plain_text(std::string text);

/// What a token of a text is. character: a Unicode code point; word: a run of letters and digits by
/// the classes of Unicode 14.0.0, a mark, or a line's end; byte_pair: bytes merged by how often
/// they stand together (Gage, 1994; Sennrich et al., 2016), within words and the space before them.
enum class TokenUnit : std::uint8_t { character = 1, word = 2, byte_pair = 3 };
[[nodiscard]] std::string_view to_string(TokenUnit unit);

/// The tokens that a text is made of, by number from 0. A value; encoding and decoding are pure.
///
/// character and byte_pair give any text back that they encode; word loses blanks, and the words
/// that it does not hold become `unknown`, its token 0.
class Vocabulary {
 public:
  static constexpr std::string_view unknown = "<unk>";
  using Merge = std::array<std::int32_t, 2>;

  /// What a text needs. @param limit most tokens: characters beyond it are a mistake, rarer words
  /// become unknown, pairs are merged until there are so many
  /// @throws InputError when the text is not UTF-8 (character, word), or `limit` is too small
  [[nodiscard]] static Vocabulary learn(TokenUnit unit, std::string_view text, std::int32_t limit);
  /// Words by how often each stands in a text: `unknown`, then the more frequent ones first, those
  /// of equal count in the order of their bytes. @param limit most tokens, the rarer words become
  /// unknown @param least so do words that stand there less often
  /// @throws InputError when `limit` is too small
  [[nodiscard]] static Vocabulary of_counts(const std::map<std::string, std::int64_t>& counts,
                                            std::int32_t limit, std::int64_t least = 1);
  /// Of characters or words. @throws InputError when one is empty or stands twice
  [[nodiscard]] static Vocabulary of_texts(TokenUnit unit, std::vector<std::string> texts);
  /// Of byte pairs: token 256 + i is merge i of two earlier tokens. @throws InputError when it
  /// isn't, or makes a text of more than 64 KiB, or all of them make more than 64 MiB
  [[nodiscard]] static Vocabulary of_merges(std::vector<Merge> merges);

  [[nodiscard]] TokenUnit unit() const { return unit_; }
  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(texts_.size()); }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] const std::vector<Merge>& merges() const { return merges_; }

  /// @throws InputError when a character is not in it, or the text is not UTF-8
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text) const;
  /// The token of one word, or `unknown`'s. @pre unit() == TokenUnit::word
  [[nodiscard]] std::int32_t token_of(const std::string& word) const;
  /// @pre every token is in [0, size())
  [[nodiscard]] std::string decode(std::span<const std::int32_t> tokens) const;

 private:
  Vocabulary(TokenUnit unit, std::vector<std::string> texts, std::vector<Merge> merges);

  TokenUnit unit_;
  std::vector<std::string> texts_;
  std::vector<Merge> merges_;
  std::unordered_map<std::string, std::int32_t> numbers_;        // of characters and words
  std::unordered_map<std::uint64_t, std::int32_t> merge_ranks_;  // by the pair's two tokens
};

}  // namespace raven
