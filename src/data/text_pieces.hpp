#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace raven {

/// The code points of a text, each as its bytes. @throws InputError naming the byte when the text
/// is not UTF-8
[[nodiscard]] std::vector<std::string_view> characters_of(std::string_view text);

/// Words, marks and line ends; blanks between them are dropped. A word is a run of letters and
/// digits by Unicode's classes, each with the accents and other signs that belong to it; an
/// apostrophe (' or U+2019) between letters is part of it. A mark is one character, with what
/// belongs to it; characters that U+200D joins, as in emoji, are one.
/// @throws InputError when the text is not UTF-8
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view text);

/// The pieces within which byte pairs merge: a run of letters, of digits or of marks, by the same
/// classes, with one space before it, or blanks; 64 bytes at most. Put together they are the text,
/// whatever its bytes: one that belongs to no character counts as a letter.
[[nodiscard]] std::vector<std::string_view> chunks_of(std::string_view text);

/// @param bytes_before, lines_before of a longer text that this is a part of
/// @throws InputError naming byte and line when the text is not UTF-8, or has a zero byte, as
/// UTF-16 has
void check_characters(std::string_view text, std::uint64_t bytes_before = 0, int lines_before = 0);
/// @throws InputError when the text begins as UTF-16 or UTF-32 do
void check_byte_order(std::string_view text);

}  // namespace raven
