#pragma once

#include <cstddef>
#include <string_view>

namespace raven {

/// Bytes of the code point that begins at `at`; 0 when none does. Shortest forms only, no
/// surrogates, nothing above U+10FFFF: UTF-8 as RFC 3629 has it.
/// @pre at < text.size()
[[nodiscard]] std::size_t utf8_length(std::string_view text, std::size_t at);

/// The code point of the `length` bytes at `at`.
/// @pre length == utf8_length(text, at) and is not 0
[[nodiscard]] char32_t code_point(std::string_view text, std::size_t at, std::size_t length);

/// Where the first byte stands that belongs to no code point; npos when all of them do.
[[nodiscard]] std::size_t first_not_utf8(std::string_view text);

/// The front of a text, at most so many bytes of it, that ends with a whole code point.
[[nodiscard]] std::string_view utf8_front(std::string_view text, std::size_t most);

}  // namespace raven
