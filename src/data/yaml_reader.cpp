#include "data/yaml_reader.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "raven/core/number.hpp"

namespace raven {
namespace {

constexpr std::size_t most_shown = 20;

/// Part of a value for a message; a hostile one may be a megabyte long.
std::string shown(std::string_view text) {
  const bool whole = text.size() <= 60;
  return "'" + std::string(whole ? text : text.substr(0, 57)) + (whole ? "'" : "...'");
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
std::optional<T> parsed(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

Place YamlReader::place_of(const YamlValue& node) const {
  return {file_, node.line(), node.column()};
}

void YamlReader::mistake(const YamlValue& at, std::string problem, std::string remedy) {
  ++count_;
  if (mistakes_.size() == most_shown) return;
  mistakes_.emplace_back(place_of(at), std::move(problem), std::move(remedy));
}

void YamlReader::throw_mistakes() const {
  if (mistakes_.empty()) return;
  const InputError& first = mistakes_.front();
  if (mistakes_.size() == 1) throw first;
  std::string rest = first.remedy();
  for (std::size_t i = 1; i < mistakes_.size(); ++i) {
    rest += "\n" + std::string(mistakes_[i].what());
  }
  if (count_ > mistakes_.size()) {
    rest += "\nand " + std::to_string(count_ - mistakes_.size()) + " more";
  }
  throw InputError(first.place(), first.problem(), rest);
}

bool YamlReader::check_map(const YamlValue& node, std::string_view what,
                           std::initializer_list<std::string_view> known) {
  if (!node.is_map()) {
    mistake(node, std::string(what) + " must be a map of keys and values",
            "give it the keys " + joined(known));
    return false;
  }
  std::set<std::string_view> seen;
  for (const YamlValue& name : node) {
    const std::string_view key = name.scalar();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      mistake(name, "unknown key " + shown(key) + " in " + std::string(what),
              "the keys are " + joined(known));
    } else if (!seen.insert(key).second) {
      mistake(name, "key " + shown(key) + " stands twice in " + std::string(what),
              "keep one of them");
    }
  }
  return true;
}

YamlValue YamlReader::required(const YamlValue& map, const std::string& key) {
  const YamlValue value = map[key];
  if (!value.is_defined()) mistake(map, "key '" + key + "' is missing", "add it");
  return value;
}

std::optional<std::string> YamlReader::text(const YamlValue& node, std::string_view what) {
  const std::string_view found = node.scalar();
  if (!found.empty() && found.size() <= ManifestLimits::text_bytes) return std::string(found);
  mistake(node,
          std::string(what) + " must be a text of 1 to " +
              std::to_string(ManifestLimits::text_bytes) + " characters",
          "write it in quotes");
  return std::nullopt;
}

std::optional<double> YamlReader::real(const YamlValue& node, std::string_view what) {
  if (node.is_scalar()) {
    if (const auto value = number_of(node.scalar())) return value;
  }
  mistake(node, std::string(what) + " must be a number", "write it like 0.5 or 1e-3");
  return std::nullopt;
}

std::optional<std::int64_t> YamlReader::whole(const YamlValue& node, std::string_view what,
                                              std::int64_t low, std::int64_t high) {
  if (node.is_scalar()) {
    const auto value = parsed<std::int64_t>(node.scalar());
    if (value && *value >= low && *value <= high) return value;
  }
  mistake(node,
          std::string(what) + " must be a whole number from " + std::to_string(low) + " to " +
              std::to_string(high) + (node.is_scalar() ? ", not " + shown(node.scalar()) : ""),
          "correct it");
  return std::nullopt;
}

}  // namespace raven
