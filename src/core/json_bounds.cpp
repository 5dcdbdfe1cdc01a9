#include "raven/core/json_bounds.hpp"

namespace raven {

bool is_within(std::string_view json, const JsonBounds& bounds) {
  std::size_t values = 1;
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
      continue;
    }
    switch (c) {
      case '"':
        quoted = true;
        break;
      case '[':
      case '{':
        ++values;
        if (++depth > bounds.depth) return false;
        break;
      case ']':
      case '}':
        if (depth > 0) --depth;
        break;
      case ',':
      case ':':
        ++values;
        break;
      default:
        break;
    }
    if (values > bounds.values) return false;
  }
  return true;
}

}  // namespace raven
