#include "cli/terminal_text.hpp"

#include <cstddef>
#include <cstdint>

namespace raven {
namespace {

/// Bytes of the UTF-8 character that begins there; 0 when none does.
std::size_t length_of_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = byte(0) < 0x80                       ? 1
                             : byte(0) >= 0xc2 && byte(0) <= 0xdf ? 2
                             : byte(0) >= 0xe0 && byte(0) <= 0xef ? 3
                             : byte(0) >= 0xf0 && byte(0) <= 0xf4 ? 4
                                                                  : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

/// C0, DEL, and C1, which terminals obey, too.
bool is_control(std::string_view character) {
  const auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<std::uint8_t>(character[1]) < 0xa0;
}

void write_out(std::string_view bytes, std::string& to) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    to += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
  }
}

std::string tamed(std::string_view text, std::string_view allowed) {
  std::string tame;
  tame.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = length_of_character(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const bool is_allowed = allowed.find(character[0]) != std::string_view::npos;
    if (length == 0 || (is_control(character) && !is_allowed)) {
      write_out(character, tame);
    } else {
      tame += character;
    }
    text.remove_prefix(character.size());
  }
  return tame;
}

}  // namespace

std::string terminal_text(std::string_view text) { return tamed(text, "\n\t"); }

std::string terminal_line(std::string_view text) { return tamed(text, ""); }

}  // namespace raven
