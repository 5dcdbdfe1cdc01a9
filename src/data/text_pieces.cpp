#include "data/text_pieces.hpp"

#include <string>

#include "raven/core/error.hpp"

namespace raven {
namespace {

enum class Kind : std::uint8_t { blank, line_end, letter, digit, mark };

Kind kind_of(char c) {
  const auto code = static_cast<unsigned char>(c);
  if (c == '\n') return Kind::line_end;
  if (c == ' ' || (code >= 9 && code <= 13)) return Kind::blank;
  if (c >= '0' && c <= '9') return Kind::digit;
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || code >= 0x80) return Kind::letter;
  return Kind::mark;
}

/// Bytes of the code point at `at`, 0 when there is none: shortest forms only, no surrogates.
std::size_t length_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool shortest = first != 0xE0 || byte(1) >= 0xA0;
    const bool no_surrogate = first != 0xED || byte(1) < 0xA0;
    return shortest && no_surrogate && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool shortest = first != 0xF0 || byte(1) >= 0x90;
    const bool in_range = first != 0xF4 || byte(1) < 0x90;
    return shortest && in_range && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  pieces.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = length_at(text, at);
    if (length == 0) {
      throw InputError(
          "the text is not UTF-8 at byte " + std::to_string(at),
          "convert it, for instance with iconv, or use byte pairs, which take any bytes");
    }
    pieces.push_back(text.substr(at, length));
    at += length;
  }
  return pieces;
}

std::vector<std::string_view> words_of(std::string_view text) {
  static_cast<void>(characters_of(text));
  std::vector<std::string_view> pieces;
  const auto in_word = [&](std::size_t i) {
    const Kind kind = kind_of(text[i]);
    if (kind == Kind::letter || kind == Kind::digit) return true;
    // "don't" is one word, a quotation mark at its edge is not part of it.
    return text[i] == '\'' && i > 0 && i + 1 < text.size() &&
           kind_of(text[i - 1]) == Kind::letter && kind_of(text[i + 1]) == Kind::letter;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (kind_of(text[at]) == Kind::blank) {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    if (in_word(at)) {
      while (end < text.size() && in_word(end)) ++end;
    }
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

std::vector<std::string_view> chunks_of(std::string_view text) {
  constexpr std::size_t longest = 64;  // bounds the work of merging
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == ' ' && end < text.size() && kind_of(text[end]) >= Kind::letter) ++end;
    const Kind kind = kind_of(text[end - 1]);
    while (end < text.size() && end - at < longest && kind_of(text[end]) == kind &&
           !(kind == Kind::blank && text[end] == ' ' && end + 1 < text.size() &&
             kind_of(text[end + 1]) >= Kind::letter)) {
      ++end;
    }
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

}  // namespace raven
