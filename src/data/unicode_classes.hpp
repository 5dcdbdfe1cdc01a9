#pragma once

#include <cstdint>

namespace raven {

/// What a character is to those who look for words: from its general category in Unicode 14.0.0.
enum class CharacterClass : std::uint8_t {
  blank,   ///< Z and white space among the control characters, U+200B
  letter,  ///< L
  digit,   ///< N: also numerals such as those of Rome, fractions, superscripts
  joined,  ///< M and Cf: belongs to what it follows (accents, vowel signs, joiners, soft hyphens)
  mark,    ///< all else: punctuation, symbols, quotes, dashes, what is not assigned
};

[[nodiscard]] CharacterClass class_of_character(char32_t code);

}  // namespace raven
