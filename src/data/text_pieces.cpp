#include "data/text_pieces.hpp"

#include <algorithm>

#include "data/unicode_classes.hpp"
#include "raven/core/error.hpp"
#include "raven/core/utf8.hpp"
#include "raven/data/vocabulary.hpp"

namespace raven {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr char32_t joiner = 0x200D;
constexpr char32_t apostrophe = 0x2019;
constexpr const char* convert = "convert it to UTF-8, for instance with iconv";

enum class Kind : std::uint8_t { blank, line_end, letter, digit, mark };

/// A character of a text.
struct Unit {
  std::size_t length = 1;
  char32_t code = 0;  // 0 of a byte that belongs to no character
  Kind kind = Kind::letter;
  bool joined = false;  // to what stands before it
};

Kind kind_of(char32_t code, Kind before) {
  if (code == '\n') return Kind::line_end;
  switch (class_of_character(code)) {
    case CharacterClass::blank:
      return Kind::blank;
    case CharacterClass::letter:
      return Kind::letter;
    case CharacterClass::digit:
      return Kind::digit;
    case CharacterClass::joined:
      return std::max(before, Kind::letter);  // alone it is a letter
    case CharacterClass::mark:
      break;
  }
  return Kind::mark;
}

/// @param before of the character before it; blank at the front
Unit unit_at(std::string_view text, std::size_t at, Kind before) {
  const std::size_t length = utf8_length(text, at);
  if (length == 0) return {};
  const char32_t code = code_point(text, at, length);
  return {.length = length,
          .code = code,
          .kind = kind_of(code, before),
          .joined = before >= Kind::letter && class_of_character(code) == CharacterClass::joined};
}

bool is_of_words(Kind kind) { return kind == Kind::letter || kind == Kind::digit; }

/// Where the word goes on after the apostrophe at `at`; `at` when it does not.
std::size_t beyond_apostrophe(std::string_view text, std::size_t at, const Unit& unit,
                              Kind before) {
  // "don't" is one word, a quotation mark at its edge is not part of it.
  if (unit.code != '\'' && unit.code != apostrophe) return at;
  const std::size_t next = at + unit.length;
  if (before != Kind::letter || next == text.size()) return at;
  const Unit after = unit_at(text, next, Kind::blank);
  const bool letter = after.code != 0 && class_of_character(after.code) == CharacterClass::letter;
  return letter ? next : at;
}

/// The end of the word or mark that begins with `first`.
std::size_t end_of_piece(std::string_view text, std::size_t at, const Unit& first) {
  std::size_t end = at + first.length;
  if (first.kind == Kind::line_end) return end;
  const bool word = is_of_words(first.kind);
  Kind before = first.kind;
  char32_t last = first.code;
  while (end < text.size()) {
    const Unit unit = unit_at(text, end, before);
    const bool goes_on = unit.joined || (word && is_of_words(unit.kind)) ||
                         (!word && last == joiner && unit.kind == Kind::mark);
    if (!goes_on) {
      const std::size_t next = word ? beyond_apostrophe(text, end, unit, before) : end;
      if (next == end) break;
      end = next;
      continue;
    }
    end += unit.length;
    before = unit.kind;
    last = unit.code;
  }
  return end;
}

InputError not_utf8(std::size_t at) {
  return {"the text is not UTF-8 at byte " + std::to_string(at),
          std::string(convert) + ", or use byte pairs, which take any bytes"};
}

}  // namespace

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  pieces.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) throw not_utf8(at);
    pieces.push_back(text.substr(at, length));
    at += length;
  }
  return pieces;
}

std::vector<std::string_view> words_of(std::string_view text) {
  if (const std::size_t at = first_not_utf8(text); at != text.npos) throw not_utf8(at);
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const Unit unit = unit_at(text, at, Kind::blank);
    if (unit.kind == Kind::blank) {
      at += unit.length;
      continue;
    }
    const std::size_t end = end_of_piece(text, at, unit);
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

std::vector<std::string_view> chunks_of(std::string_view text) {
  constexpr std::size_t longest = 64;  // bounds the work of merging
  std::vector<std::string_view> pieces;
  Kind before = Kind::blank;
  // A space goes to the word, number or mark that it stands before.
  const auto leads = [&](std::size_t i) {
    return text[i] == ' ' && i + 1 < text.size() &&
           unit_at(text, i + 1, Kind::blank).kind >= Kind::letter;
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    if (leads(at)) {
      ++end;
      before = Kind::blank;
    }
    Unit unit = unit_at(text, end, before);
    const Kind kind = unit.kind;
    do {
      end += unit.length;
      before = unit.kind;
      if (end == text.size()) break;
      unit = unit_at(text, end, before);
    } while (unit.kind == kind && end + unit.length - at <= longest && !leads(end));
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

void check_byte_order(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw InputError("the text begins as UTF-16 does, not as UTF-8",
                     std::string(convert) + " -f UTF-16 -t UTF-8");
  }
}

void check_characters(std::string_view text, std::uint64_t bytes_before, int lines_before) {
  if (bytes_before == 0) check_byte_order(text);
  const auto line_of = [&](std::size_t at) {
    const auto lines = lines_before + std::ranges::count(text.substr(0, at), '\n');
    return " (line " + std::to_string(1 + lines) + ")";
  };
  if (const std::size_t at = first_not_utf8(text); at != text.npos) {
    const InputError error = not_utf8(bytes_before + at);
    throw InputError(error.problem() + line_of(at), error.remedy());
  }
  if (const std::size_t at = text.find('\0'); at != text.npos) {
    throw InputError("there is a zero byte at byte " + std::to_string(bytes_before + at) +
                         line_of(at) + ", as in UTF-16, so this is no text",
                     convert);
  }
}

std::string plain_text(std::string text) {
  if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  std::size_t to = text.find('\r');
  if (to == std::string::npos) return text;
  for (std::size_t from = to; from < text.size(); ++from) {
    const bool before_line_end = from + 1 < text.size() && text[from + 1] == '\n';
    if (text[from] == '\r' && before_line_end) continue;
    text[to++] = text[from] == '\r' ? '\n' : text[from];
  }
  text.resize(to);
  return text;
}

}  // namespace raven
