#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace raven {

/// The code points of a text, each as its bytes. @throws InputError naming the byte when the text
/// is not UTF-8
[[nodiscard]] std::vector<std::string_view> characters_of(std::string_view text);

/// Words, marks and line ends; blanks between them are dropped. Bytes above ASCII count as letters.
/// @throws InputError when the text is not UTF-8
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view text);

/// The pieces within which byte pairs merge: a run of letters, of digits or of other marks with one
/// space before it, or blanks. Put together they are the text, whatever its bytes.
[[nodiscard]] std::vector<std::string_view> chunks_of(std::string_view text);

}  // namespace raven
