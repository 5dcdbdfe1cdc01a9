#pragma once

#include <span>
#include <string>
#include <vector>

#include "raven/core/error.hpp"
#include "raven/data/import.hpp"
#include "raven/data/language.hpp"

namespace raven {

/// `<unk>`, the words that a made-up language gives a meaning of its own, and made-up ones up to
/// `size` tokens: three syllables each, all different.
[[nodiscard]] inline Vocabulary made_vocabulary(std::span<const char* const> own,
                                                std::int32_t size) {
  constexpr std::string_view consonants = "bdfgklmnprstvz";
  constexpr std::string_view vowels = "aeiou";
  std::vector<std::string> texts{std::string(Vocabulary::unknown)};
  texts.insert(texts.end(), own.begin(), own.end());
  for (std::size_t i = 0; texts.size() < static_cast<std::size_t>(size); ++i) {
    std::string word;
    std::size_t rest = i;
    for (int syllable = 0; syllable < 3; ++syllable) {
      word += consonants[rest % consonants.size()];
      rest /= consonants.size();
      word += vowels[rest % vowels.size()];
      rest /= vowels.size();
    }
    texts.push_back(std::move(word));
  }
  return Vocabulary::of_texts(TokenUnit::word, std::move(texts));
}

inline void check_made(std::int64_t count, std::int32_t vocabulary) {
  constexpr std::int64_t most = std::int64_t{1} << 32;
  if (count < 1 || count > most) {
    throw InputError("can't make " + std::to_string(count) + " samples", "try 5000");
  }
  if (vocabulary < least_made_words || vocabulary > most_made_words) {
    throw InputError(
        "a made-up vocabulary can't have " + std::to_string(vocabulary) + " words",
        "take " + std::to_string(least_made_words) + " to " + std::to_string(most_made_words));
  }
}

/// Calls make(valid, index) for all samples to train on, then for those to validate, whose indices
/// lie far above any count, so that more of the former never meet them.
template <class Make>
void make_both(std::int64_t count, const ImportOptions& options, Make make) {
  constexpr std::uint64_t validation_series = std::uint64_t{1} << 40;
  constexpr std::int64_t told_every = 4096;
  const auto valid =
      static_cast<std::int64_t>(static_cast<double>(count) * options.valid_fraction + 0.5);
  for (std::int64_t i = 0; i < count + valid; ++i) {
    if (i < count) {
      make(false, static_cast<std::uint64_t>(i));
    } else {
      make(true, validation_series + static_cast<std::uint64_t>(i - count));
    }
    if (options.progress && i % told_every == told_every - 1) options.progress({.rows = i + 1});
  }
}

}  // namespace raven
