#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/yaml_value.hpp"
#include "raven/core/error.hpp"

namespace raven {

/// Reads values out of parsed YAML strictly and gathers every mistake with its line and column, so
/// that one run shows them all. Getters return none after noting what is wrong.
class YamlReader {
 public:
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  void mistake(const YamlValue& at, std::string problem, std::string remedy);
  /// Throws what was gathered, if anything: the first mistake's place, all of them in the text.
  void throw_mistakes() const;
  [[nodiscard]] bool clean() const { return count_ == 0; }
  [[nodiscard]] int line_of(const YamlValue& node) const { return node.line(); }

  /// Checks that `node` is a map without doubled keys or keys other than `known`.
  bool check_map(const YamlValue& node, std::string_view what,
                 std::initializer_list<std::string_view> known);
  /// The value of a key, or an undefined node after noting that it is missing from `map`.
  YamlValue required(const YamlValue& map, const std::string& key);

  std::optional<std::string> text(const YamlValue& node, std::string_view what);
  std::optional<double> real(const YamlValue& node, std::string_view what);
  /// A whole number in [low, high].
  std::optional<std::int64_t> whole(const YamlValue& node, std::string_view what, std::int64_t low,
                                    std::int64_t high);

 private:
  [[nodiscard]] Place place_of(const YamlValue& node) const;

  std::string file_;
  std::vector<InputError> mistakes_;  ///< the first ones; a hostile file has a million
  std::size_t count_ = 0;
};

}  // namespace raven
