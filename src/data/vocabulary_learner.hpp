#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "raven/data/vocabulary.hpp"

namespace raven {

/// Learns the vocabulary of a text that comes in parts. It keeps what is different in them, within
/// bounded memory. The parts give the vocabulary of the whole when none ends inside a word, a
/// character or a chunk (text_pieces.hpp).
class VocabularyLearner {
 public:
  /// What different words or chunks may take, by a careful estimate.
  static constexpr std::size_t most_memory = std::size_t{300} << 20;

  /// What one more takes of that.
  [[nodiscard]] static std::size_t bytes_of_word(std::string_view word) {
    constexpr std::size_t node = 80;  // of a map, with a string of up to 15 bytes
    return node + (word.size() > 15 ? word.size() + 17 : 0);
  }

  /// @param limit most tokens @throws InputError when it is too small
  VocabularyLearner(TokenUnit unit, std::int32_t limit);

  /// @throws InputError when the text is not UTF-8 (characters, words), or has too many different
  /// words or chunks to keep
  void add(std::string_view part);
  /// @throws InputError when there are more characters than the vocabulary may hold
  [[nodiscard]] Vocabulary learnt() const;

 private:
  void count(std::string_view piece);

  TokenUnit unit_;
  std::int32_t limit_;
  std::map<std::string, std::int64_t> counts_;
  std::size_t held_ = 0;  // estimated bytes
};

}  // namespace raven
