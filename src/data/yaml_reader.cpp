#include "data/yaml_reader.hpp"

#include <algorithm>
#include <set>

#include "raven/core/number.hpp"

namespace raven {
namespace {

constexpr std::size_t most_shown = 20;

/// Part of a value for a message; a hostile one may be a megabyte long.
std::string shown(const std::string& text) {
  return "'" + (text.size() <= 60 ? text : text.substr(0, 57) + "...") + "'";
}

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

template <class T>
std::optional<T> parsed(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

Place YamlReader::place_of(const YAML::Node& node) const {
  const YAML::Mark mark = node.Mark();
  if (mark.line < 0) return {file_, 0, 0};
  return {file_, mark.line + 1, mark.column + 1};
}

void YamlReader::mistake(const YAML::Node& at, std::string problem, std::string remedy) {
  mistakes_.emplace_back(place_of(at), std::move(problem), std::move(remedy));
}

void YamlReader::throw_mistakes() const {
  if (mistakes_.empty()) return;
  const InputError& first = mistakes_.front();
  if (mistakes_.size() == 1) throw first;
  std::string rest = first.remedy();
  for (std::size_t i = 1; i < std::min(mistakes_.size(), most_shown); ++i) {
    rest += "\n" + std::string(mistakes_[i].what());
  }
  if (mistakes_.size() > most_shown) {
    rest += "\nand " + std::to_string(mistakes_.size() - most_shown) + " more";
  }
  throw InputError(first.place(), first.problem(), rest);
}

bool YamlReader::check_map(const YAML::Node& node, std::string_view what,
                           std::initializer_list<std::string_view> known) {
  if (!node.IsMap()) {
    mistake(node, std::string(what) + " must be a map of keys and values",
            "give it the keys " + joined(known));
    return false;
  }
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : std::string();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      mistake(pair.first, "unknown key " + shown(key) + " in " + std::string(what),
              "the keys are " + joined(known));
    } else if (!seen.insert(key).second) {
      mistake(pair.first, "key " + shown(key) + " stands twice in " + std::string(what),
              "keep one of them");
    }
  }
  return true;
}

YAML::Node YamlReader::required(const YAML::Node& map, const std::string& key) {
  const YAML::Node value = map[key];
  if (!value.IsDefined()) mistake(map, "key '" + key + "' is missing", "add it");
  return value;
}

std::optional<std::string> YamlReader::text(const YAML::Node& node, std::string_view what) {
  if (node.IsScalar() && !node.Scalar().empty() && node.Scalar().size() <= 4096)
    return node.Scalar();
  mistake(node, std::string(what) + " must be a text of 1 to 4096 characters",
          "write it in quotes");
  return std::nullopt;
}

std::optional<double> YamlReader::real(const YAML::Node& node, std::string_view what) {
  if (node.IsScalar()) {
    if (const auto value = number_of(node.Scalar())) return value;
  }
  mistake(node, std::string(what) + " must be a number", "write it like 0.5 or 1e-3");
  return std::nullopt;
}

std::optional<std::int64_t> YamlReader::whole(const YAML::Node& node, std::string_view what,
                                              std::int64_t low, std::int64_t high) {
  if (node.IsScalar()) {
    const auto value = parsed<std::int64_t>(node.Scalar());
    if (value && *value >= low && *value <= high) return value;
  }
  mistake(node,
          std::string(what) + " must be a whole number from " + std::to_string(low) + " to " +
              std::to_string(high) + (node.IsScalar() ? ", not " + shown(node.Scalar()) : ""),
          "correct it");
  return std::nullopt;
}

}  // namespace raven
