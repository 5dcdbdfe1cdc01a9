#include "raven/core/printable.hpp"

#include "raven/core/utf8.hpp"

namespace raven {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

void put_hex(std::string& to, unsigned value, int places) {
  for (int shift = 4 * (places - 1); shift >= 0; shift -= 4) {
    to += digits[value >> static_cast<unsigned>(shift) & 0xFU];
  }
}

bool is_obeyed(char32_t code, LineEnds ends) {
  if (code == '\n') return ends == LineEnds::escape;
  if (code < 0x20) return code != '\t';
  return (code >= 0x7F && code <= 0x9F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text, LineEnds ends) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      out += "\\x";
      put_hex(out, static_cast<unsigned char>(text[at]), 2);
      ++at;
      continue;
    }
    const char32_t code = code_point(text, at, length);
    if (is_obeyed(code, ends)) {
      out += "\\u";
      put_hex(out, static_cast<unsigned>(code), 4);
    } else {
      out += text.substr(at, length);
    }
    at += length;
  }
  return out;
}

}  // namespace raven
