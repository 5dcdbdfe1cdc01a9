#include "data/yaml_cursor.hpp"

#include "raven/core/error.hpp"

namespace raven {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_break(char c) { return c == '\n' || c == '\r'; }
bool is_flow_mark(char c) { return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void put_utf8(std::string& to, std::uint32_t code) {
  const auto byte = [&](std::uint32_t bits) { to += static_cast<char>(bits); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0U | code >> 6U);
  } else {
    if (code < 0x10000) {
      byte(0xE0U | code >> 12U);
    } else {
      byte(0xF0U | code >> 18U);
      byte(0x80U | (code >> 12U & 0x3FU));
    }
    byte(0x80U | (code >> 6U & 0x3FU));
  }
  byte(0x80U | (code & 0x3FU));
}

}  // namespace

void YamlCursor::fail(const std::string& problem) const {
  throw InputError({name_, static_cast<int>(mark_.line) + 1, column() + 1},
                   "this is no valid YAML for a data set (" + problem + ")",
                   "correct it there or just before; docs/formats/manifest.md shows what is read");
}

bool YamlCursor::blank_at(std::size_t ahead) const {
  return mark_.at + ahead >= text_.size() || is_blank(text_[mark_.at + ahead]) ||
         is_break(text_[mark_.at + ahead]);
}

bool YamlCursor::at_line_end() const { return at_end() || is_break(peek()); }

void YamlCursor::new_line() {
  mark_.at += peek() == '\r' && peek(1) == '\n' ? 2 : 1;
  mark_.line_start = mark_.at;
  ++mark_.line;
}

void YamlCursor::skip_blanks() {
  while (!at_end() && is_blank(peek())) ++mark_.at;
}

void YamlCursor::skip_to_content(bool in_block) {
  // A comment begins a line or follows a blank.
  bool may_comment = mark_.at == mark_.line_start || is_blank(text_[mark_.at - 1]);
  bool tab = false;
  bool indenting = mark_.at == mark_.line_start;
  while (!at_end()) {
    const char c = peek();
    if (is_break(c)) {
      new_line();
      may_comment = indenting = true;
      tab = false;
    } else if (is_blank(c)) {
      tab |= indenting && c == '\t';
      may_comment = true;
      ++mark_.at;
    } else if (c == '#' && may_comment) {
      while (!at_line_end()) ++mark_.at;
    } else {
      break;
    }
  }
  if (in_block && tab && !at_end()) fail("a tab in the indentation");
}

void YamlCursor::skip_start() {
  if (rest().starts_with("\xEF\xBB\xBF")) {
    mark_.at += 3;
    mark_.line_start = mark_.at;
  }
  skip_to_content(true);
  if (column() == 0 && rest().starts_with("---") && blank_at(3)) {
    mark_.at += 3;
    skip_to_content(true);
  }
  if (column() == 0 && peek() == '%') fail("a directive");
}

void YamlCursor::read_quoted(YamlDocument::Value& value) {
  const char quote = peek();
  ++mark_.at;
  std::string& to = document_.unescaped;
  const std::size_t begin = to.size();
  const std::size_t first = mark_.at;
  // Most have nothing to undo and stand in the text as they are.
  while (!at_end() && peek() != quote && peek() != '\\' && !is_break(peek())) ++mark_.at;
  if (peek() == quote && !at_end() && (quote == '"' || peek(1) != '\'')) {
    value.from = static_cast<std::uint32_t>(first);
    value.count = static_cast<std::uint32_t>(mark_.at - first);
    ++mark_.at;
    return;
  }
  to.append(text_.substr(first, mark_.at - first));
  for (;;) {
    if (at_end()) fail("a quote is never closed");
    const char c = peek();
    if (c == quote && quote == '\'' && peek(1) == '\'') {
      to += '\'';
      mark_.at += 2;
    } else if (c == quote) {
      break;
    } else if (c == '\\' && quote == '"') {
      read_escape();
    } else if (is_break(c)) {
      while (to.size() > begin && is_blank(to.back())) to.pop_back();
      fold_quoted();
    } else {
      to += c;
      ++mark_.at;
    }
  }
  ++mark_.at;
  value.own = true;
  value.from = static_cast<std::uint32_t>(begin);
  value.count = static_cast<std::uint32_t>(to.size() - begin);
}

/// A line break is a space; empty lines are as many breaks.
void YamlCursor::fold_quoted() {
  std::size_t breaks = 0;
  while (!at_end() && (is_break(peek()) || is_blank(peek()))) {
    if (is_break(peek())) {
      ++breaks;
      new_line();
    } else {
      ++mark_.at;
    }
  }
  document_.unescaped += breaks == 1 ? std::string(" ") : std::string(breaks - 1, '\n');
}

void YamlCursor::read_escape() {
  static constexpr std::string_view names = "0abt\tnvfre \"/\\N_LP";
  static constexpr std::uint32_t meant[] = {
      0, 7, 8, 9, 9, 10, 11, 12, 13, 0x1B, 0x20, 0x22, 0x2F, 0x5C, 0x85, 0xA0, 0x2028, 0x2029};
  const char c = peek(1);
  mark_.at += 2;
  if (c == 'x') return put_code_point(2);
  if (c == 'u') return put_code_point(4);
  if (c == 'U') return put_code_point(8);
  if (is_break(c)) {  // goes on in the next line as if it were one
    --mark_.at;
    new_line();
    skip_blanks();
    return;
  }
  const std::size_t which = names.find(c);
  if (which == std::string_view::npos) fail("an unknown escape after '\\'");
  put_utf8(document_.unescaped, meant[which]);
}

void YamlCursor::put_code_point(std::size_t digits) {
  std::uint32_t code = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int value = hex_value(peek());
    if (value < 0) fail("an escape of too few hexadecimal digits");
    code = code << 4U | static_cast<std::uint32_t>(value);
    ++mark_.at;
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) fail("an escape of no character");
  put_utf8(document_.unescaped, code);
}

std::string_view YamlCursor::plain_here(bool in_flow) {
  const std::size_t first = mark_.at;
  std::size_t end = mark_.at;  // behind the last character that is no blank
  while (!at_line_end()) {
    const char c = peek();
    if (c == ':' && (blank_at(1) || (in_flow && is_flow_mark(peek(1))))) break;
    if (in_flow && is_flow_mark(c)) break;
    if (c == '#' && mark_.at > first && is_blank(text_[mark_.at - 1])) break;
    ++mark_.at;
    if (!is_blank(c)) end = mark_.at;
  }
  return text_.substr(first, end - first);
}

void YamlCursor::read_plain(YamlDocument::Value& value, bool in_flow) {
  static constexpr std::string_view reserved = "&*!|>%@`";
  const char c = peek();
  if (reserved.find(c) != std::string_view::npos) {
    fail(std::string("'") + c + "' can't begin a value here; anchors, aliases, tags and block " +
         "texts are not read, and a text that begins so needs quotes");
  }
  if ((c == '-' || c == '?' || c == ':') && blank_at(1)) {
    fail(std::string("a '") + c + "' where a value should stand; keys are words");
  }
  const std::size_t first = mark_.at;
  const std::string_view plain = plain_here(in_flow);
  if (plain.empty()) fail("a value is missing");
  value.from = static_cast<std::uint32_t>(first);
  value.count = static_cast<std::uint32_t>(plain.size());
}

void YamlCursor::fold_plain(YamlDocument::Value& value, bool in_flow) {
  const std::string_view more = plain_here(in_flow);
  std::string& to = document_.unescaped;
  if (!value.own) {
    const std::string_view so_far = text_.substr(value.from, value.count);
    value.own = true;
    value.from = static_cast<std::uint32_t>(to.size());
    to.append(so_far);
  }
  to += ' ';
  to.append(more);
  value.count = static_cast<std::uint32_t>(to.size() - value.from);
}

}  // namespace raven
