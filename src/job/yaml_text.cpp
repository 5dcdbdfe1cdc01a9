#include "job/yaml_text.hpp"

#include <cstdio>

#include "job/yaml_tree.hpp"

namespace raven {
namespace {

/// Bytes of the UTF-8 character at the start of `text`; 0 when it is malformed (RFC 3629: no
/// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return follows(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0U && byte(1) < 0xA0U) return 0;
    if (first == 0xEDU && byte(1) > 0x9FU) return 0;
    return 3;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0U && byte(1) < 0x90U) return 0;
    if (first == 0xF4U && byte(1) > 0x8FU) return 0;
    return 4;
  }
  return 0;
}

std::string hex(char c) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

bool check_text(std::string_view text, const std::string& name, std::vector<InputError>& errors) {
  if (text.size() > YamlLimits::bytes) {
    errors.emplace_back(
        Place{name},
        "the file has " + std::to_string(text.size()) + " bytes (a job file has at most 1 MiB)",
        "is this the data instead of the job?");
    return false;
  }
  bool fine = true;
  bool tab_reported = false;
  bool indenting = true;
  Place place{name, 1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      errors.emplace_back(place, "byte " + hex(c) + " is not UTF-8 (YAML is read as UTF-8)",
                          "save the file as UTF-8");
      return false;
    }
    if (c == '\n') {
      ++place.line;
      place.column = 1;
      indenting = true;
      tab_reported = false;
      ++i;
      continue;
    }
    if (c == '\t' && indenting && !tab_reported) {
      errors.emplace_back(place, "a tab in the indentation (YAML indents with spaces only)",
                          "replace it by spaces");
      fine = false;
      tab_reported = true;  // once a line is enough
      if (errors.size() >= YamlLimits::mistakes) return false;
    }
    if ((static_cast<unsigned char>(c) < 0x20U && c != '\t' && c != '\r') || c == 0x7f) {
      errors.emplace_back(place, "control character " + hex(c) + " (this is not a text file)",
                          "remove it, or check that this is the job file");
      return false;
    }
    if (c != ' ' && c != '\t') indenting = false;
    i += length;
    ++place.column;
  }
  return fine;
}

}  // namespace raven
