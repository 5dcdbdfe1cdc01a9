#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raven/core/error.hpp"

namespace raven {

struct YamlEntry;

/// A value of a YAML document and the place where it was written. A plain tree: no anchors, no
/// tags, no key twice in a map.
struct YamlNode {
  enum class Kind : std::uint8_t { nothing, scalar, list, map };

  Kind kind = Kind::nothing;
  Place place;
  std::string text;     ///< Kind::scalar
  bool quoted = false;  ///< Kind::scalar: written in quotes, so it is text whatever it looks like
  std::vector<YamlNode> items;     ///< Kind::list
  std::vector<YamlEntry> entries;  ///< Kind::map, in the order of the file

  /// The value under `key`; null when there is none or this is no map.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  [[nodiscard]] YamlNode* find(std::string_view key);
};

struct YamlEntry {
  std::string key;
  Place place;  ///< of the key
  YamlNode value;
};

/// What a value is, for messages: "a map", "'relu'", "nothing".
[[nodiscard]] std::string describe(const YamlNode& node);

/// What a job file may be at most. Real ones are a hundredth of that.
struct YamlLimits {
  static constexpr std::size_t bytes = std::size_t{1} << 20;
  static constexpr std::size_t depth = 48;
  static constexpr std::size_t nodes = 20'000;
  static constexpr std::size_t mistakes = 100;
};

/// Reads one YAML document that nobody vouches for.
/// @param name stands as the file in places
/// @return none when the text could not be understood at all; the reason is then in `errors`.
/// Mistakes that leave
///         the rest readable (a key twice, an alias) are reported there too, with a tree.
[[nodiscard]] std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& name,
                                                 std::vector<InputError>& errors);

/// The same for the value of a `--set` override: every place is `name`, without line and column.
[[nodiscard]] std::optional<YamlNode> parse_yaml_value(std::string_view text,
                                                       const std::string& name,
                                                       std::vector<InputError>& errors);

}  // namespace raven
