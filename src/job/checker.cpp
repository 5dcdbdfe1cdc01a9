#include "job/checker.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "job/value.hpp"
#include "raven/job/suggest.hpp"

namespace raven {
namespace {

std::string number(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

std::string between(double min, double max) {
  // Bounds are inclusive, so a row excludes 0 or 1 by the number next to it: say what it means.
  const bool above_zero = min > 0 && min < 1e-30;
  const double ceiling = std::ceil(max);
  const bool below = max < ceiling && ceiling - max < 1e-6;
  const std::string low = above_zero ? "above 0" : "from " + number(min);
  if (std::isfinite(min) && std::isfinite(max)) {
    return " " + low +
           (below ? " to below " + number(ceiling)
                  : (above_zero ? " and at most " : " to ") + number(max));
  }
  if (std::isfinite(min)) return above_zero ? " " + low : ", at least " + number(min);
  if (std::isfinite(max)) return below ? " below " + number(ceiling) : ", at most " + number(max);
  return "";
}

/// What an option without a bound of its own is still held to: sizes that no machine has are
/// refused, so that a product of a few of them fits 64 bits.
constexpr std::int64_t largest_option = (std::int64_t{1} << 31) - 1;

std::string between(std::int64_t min, std::int64_t max, std::int64_t value = 0) {
  if (max == largest_option && value <= max) return ", at least " + std::to_string(min);
  return " from " + std::to_string(min) + " to " + std::to_string(max);
}

std::string indefinite(const YamlNode& node, const std::string& what) {
  return what + (node.kind == YamlNode::Kind::nothing ? " has no value" : " is " + describe(node));
}

bool plain(const YamlNode& node) { return node.kind == YamlNode::Kind::scalar && !node.quoted; }

/// An OptionDef's bounds as whole numbers.
std::int64_t whole_min(double min) {
  return std::isfinite(min) ? static_cast<std::int64_t>(std::ceil(std::max(min, -0x1p62)))
                            : -largest_option;
}
std::int64_t whole_max(double max) {
  return std::isfinite(max) ? static_cast<std::int64_t>(std::floor(std::min(max, 0x1p62)))
                            : largest_option;
}

}  // namespace

void Checker::report(const Place& place, std::string problem, std::string remedy) {
  if (errors_.size() > YamlLimits::mistakes) return;
  if (errors_.size() == YamlLimits::mistakes) {
    problem = "too many mistakes to list";
    remedy = "mend those above first";
  }
  errors_.emplace_back(place, std::move(problem), std::move(remedy));
}

std::optional<bool> Checker::boolean(const YamlNode& node, const std::string& what) {
  if (plain(node)) {
    if (const auto value = parse_boolean(node.text)) return value;
  }
  report(node.place, indefinite(node, what) + ", not a yes or no", "write true or false");
  return std::nullopt;
}

std::optional<std::int64_t> Checker::integer(const YamlNode& node, const std::string& what,
                                             std::int64_t min, std::int64_t max) {
  const auto value = plain(node) ? parse_integer(node.text) : std::nullopt;
  const std::string wanted = "write a whole number" + between(min, max, value.value_or(0));
  if (!value) {
    report(node.place, indefinite(node, what) + ", not a whole number", wanted);
    return std::nullopt;
  }
  if (*value < min || *value > max) {
    report(node.place, what + " is " + node.text + ", out of range", wanted);
    return std::nullopt;
  }
  return value;
}

std::optional<double> Checker::real(const YamlNode& node, const std::string& what, double min,
                                    double max) {
  const std::string wanted = "write a number" + between(min, max);
  const auto value = plain(node) ? parse_real(node.text) : std::nullopt;
  if (!value) {
    report(node.place, indefinite(node, what) + ", not a number", wanted);
    return std::nullopt;
  }
  if (*value < min || *value > max) {
    report(node.place, what + " is " + node.text + ", out of range", wanted);
    return std::nullopt;
  }
  return value;
}

std::optional<std::vector<double>> Checker::reals(const YamlNode& node, const std::string& what,
                                                  double min, double max) {
  return list<double>(
      node, what, "[0.9, 0.99]",
      [&](const YamlNode& item, const std::string& path) { return real(item, path, min, max); });
}

std::optional<std::vector<std::int64_t>> Checker::integers(const YamlNode& node,
                                                           const std::string& what,
                                                           std::int64_t min, std::int64_t max) {
  return list<std::int64_t>(
      node, what, "[3, 5]",
      [&](const YamlNode& item, const std::string& path) { return integer(item, path, min, max); });
}

template <class T, class Read>
std::optional<std::vector<T>> Checker::list(const YamlNode& node, const std::string& what,
                                            const std::string& example, Read read) {
  std::vector<T> values;
  if (node.kind == YamlNode::Kind::scalar) {
    // A number alone is a list of one.
    const auto value = read(node, what);
    if (!value) return std::nullopt;
    values.push_back(*value);
    return values;
  }
  if (node.kind != YamlNode::Kind::list) {
    report(node.place, indefinite(node, what) + ", not a list of numbers",
           "write them in brackets, for instance " + example);
    return std::nullopt;
  }
  bool good = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const auto value = read(node.items[i], what + "." + std::to_string(i));
    good = good && value;
    if (value) values.push_back(*value);
  }
  if (!good) return std::nullopt;
  return values;
}

std::optional<std::string> Checker::text(const YamlNode& node, const std::string& what,
                                         std::span<const std::string_view> choices) {
  if (node.kind != YamlNode::Kind::scalar || node.text.empty()) {
    report(node.place, indefinite(node, what) + ", not a word",
           choices.empty() ? "write a text" : did_you_mean("", choices));
    return std::nullopt;
  }
  if (!choices.empty() && std::ranges::count(choices, node.text) == 0) {
    report(node.place, what + " can't be " + describe(node), did_you_mean(node.text, choices));
    return std::nullopt;
  }
  return node.text;
}

MapReader::MapReader(Checker& checker, const YamlNode& node, std::string path)
    : checker_(checker), node_(node), path_(std::move(path)) {
  if (node.kind != YamlNode::Kind::map && node.kind != YamlNode::Kind::nothing) {
    checker_.report(node.place,
                    (path_.empty() ? "the job" : path_) + " is " + describe(node) + ", not a map",
                    "write 'key: value' lines");
  }
}

std::string MapReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const YamlNode* MapReader::find(std::string_view key) {
  known_.push_back(key);
  return node_.find(key);
}

const YamlNode* MapReader::need(std::string_view key, std::string remedy, const Place* owner) {
  const YamlNode* node = find(key);
  const bool readable = node_.kind == YamlNode::Kind::map || node_.kind == YamlNode::Kind::nothing;
  if (!node && readable) missing_.push_back({key, owner ? *owner : node_.place, std::move(remedy)});
  return node;
}

void MapReader::boolean(std::string_view key, bool& into) {
  if (const YamlNode* node = find(key)) into = checker_.boolean(*node, path_of(key)).value_or(into);
}

void MapReader::integer(std::string_view key, std::int64_t& into, std::int64_t min,
                        std::int64_t max) {
  if (const YamlNode* node = find(key)) {
    into = checker_.integer(*node, path_of(key), min, max).value_or(into);
  }
}

void MapReader::integer(std::string_view key, int& into, int min, int max) {
  std::int64_t value = into;
  integer(key, value, std::int64_t{min}, std::int64_t{max});
  into = static_cast<int>(value);
}

void MapReader::real(std::string_view key, double& into, double min, double max) {
  if (const YamlNode* node = find(key)) {
    into = checker_.real(*node, path_of(key), min, max).value_or(into);
  }
}

void MapReader::finish() {
  for (const YamlEntry& entry : node_.entries) {
    if (std::ranges::count(known_, std::string_view(entry.key)) > 0) continue;
    YamlNode shown;
    shown.kind = YamlNode::Kind::scalar;
    shown.text = entry.key;
    checker_.report(
        entry.place,
        "unknown key " + describe(shown) + (path_.empty() ? " in the job" : " in " + path_),
        did_you_mean(entry.key, known_));
    std::erase_if(missing_, [meant = nearest(entry.key, known_)](const Missing& missing) {
      return missing.key == meant;
    });
  }
  for (const Missing& missing : missing_) {
    checker_.report(missing.place, path_of(missing.key) + " is missing", missing.remedy);
  }
}

Options read_options(MapReader& reader, std::span<const OptionDef> options, const Place& owner) {
  Options read;
  Checker& checker = reader.checker();
  for (const OptionDef& option : options) {
    if (!option.required) read.set(option.name, option.fallback);
    const std::string what = reader.path_of(option.name);
    const YamlNode* node = option.required ? reader.need(option.name,
                                                         "add it: " + range_in_words(option) +
                                                             " (" + std::string(option.help) + ")",
                                                         &owner)
                                           : reader.find(option.name);
    if (!node) continue;
    switch (option.kind) {
      case OptionKind::boolean:
        if (const auto value = checker.boolean(*node, what)) read.set(option.name, *value);
        break;
      case OptionKind::integer:
        if (const auto value =
                checker.integer(*node, what, whole_min(option.min), whole_max(option.max))) {
          read.set(option.name, *value);
        }
        break;
      case OptionKind::real:
        if (const auto value = checker.real(*node, what, option.min, option.max)) {
          read.set(option.name, *value);
        }
        break;
      case OptionKind::text:
        if (auto value = checker.text(*node, what, option.choices)) {
          read.set(option.name, std::move(*value));
        }
        break;
      case OptionKind::reals:
        if (auto value = checker.reals(*node, what, option.min, option.max)) {
          read.set(option.name, std::move(*value));
        }
        break;
      case OptionKind::integers:
        if (auto value =
                checker.integers(*node, what, whole_min(option.min), whole_max(option.max))) {
          read.set(option.name, std::move(*value));
        }
        break;
    }
  }
  return read;
}

std::string range_in_words(const OptionDef& option) {
  switch (option.kind) {
    case OptionKind::boolean:
      return "true or false";
    case OptionKind::integer:
      return "a whole number" + between(option.min, option.max);
    case OptionKind::real:
      return "a number" + between(option.min, option.max);
    case OptionKind::reals:
      return "one or more numbers" + between(option.min, option.max);
    case OptionKind::integers:
      return "one or more whole numbers" + between(option.min, option.max);
    case OptionKind::text:
      break;
  }
  if (option.choices.empty()) return "a text";
  std::string text;
  for (std::size_t i = 0; i < option.choices.size(); ++i) {
    if (i > 0) text += i + 1 == option.choices.size() ? " or " : ", ";
    text += option.choices[i];
  }
  return text;
}

}  // namespace raven
