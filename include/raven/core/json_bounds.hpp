#pragma once

#include <cstddef>
#include <string_view>

namespace raven {

/// What a JSON text may hold, so that its tree takes no more than some hundred bytes for each
/// value.
struct JsonBounds {
  std::size_t values = std::size_t{1} << 20;  ///< with keys
  std::size_t depth = 64;                     ///< lists and maps inside each other
};

/// Whether a text that nobody vouches for stays within the bounds. Looks at brackets, commas and
/// colons outside of quotes alone and takes no memory, so that a parser sees only what it can bear;
/// whether it is JSON at all is for the parser to say.
[[nodiscard]] bool is_within(std::string_view json, const JsonBounds& bounds = {});

}  // namespace raven
