#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "raven/data/vocabulary.hpp"

namespace raven {

// Byte pairs, for learning and for encoding alike.

inline constexpr std::int32_t byte_values = 256;

[[nodiscard]] inline std::uint64_t pair_key(std::int32_t first, std::int32_t second) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(first)) << 32U |
         static_cast<std::uint32_t>(second);
}

[[nodiscard]] inline std::vector<std::int32_t> bytes_as_tokens(std::string_view text) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(text.size());
  for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

/// Puts `into` wherever the pair stands, from left to right.
inline void merge_in(std::vector<std::int32_t>& tokens, Vocabulary::Merge pair, std::int32_t into) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < tokens.size(); ++to) {
    const bool both = i + 1 < tokens.size() && tokens[i] == pair[0] && tokens[i + 1] == pair[1];
    tokens[to] = both ? into : tokens[i];
    i += both ? 2 : 1;
  }
  tokens.resize(to);
}

}  // namespace raven
