#include "nn/chosen_options.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace raven {
namespace {

constexpr std::string_view kind_names[] = {"true or false",     "a whole number",
                                           "a number",          "a text",
                                           "a list of numbers", "a list of whole numbers"};

/// `given` as a value of that kind; none when it is another.
std::optional<OptionValue> as_kind(OptionKind kind, const OptionValue& given) {
  if (given.index() == static_cast<std::size_t>(kind)) return given;
  const auto* whole = std::get_if<std::int64_t>(&given);
  const auto* real = std::get_if<double>(&given);
  if (kind == OptionKind::real && whole != nullptr) return static_cast<double>(*whole);
  if (kind == OptionKind::integers && whole != nullptr) return std::vector{*whole};
  if (kind != OptionKind::reals) return std::nullopt;
  if (whole != nullptr) return std::vector{static_cast<double>(*whole)};
  if (real != nullptr) return std::vector{*real};
  const auto* list = std::get_if<std::vector<std::int64_t>>(&given);
  if (list == nullptr) return std::nullopt;
  return std::vector<double>(list->begin(), list->end());
}

bool in_range(const OptionDef& def, const OptionValue& value) {
  const auto fits = [&](auto number) {
    const auto real = static_cast<double>(number);
    // Not a number is in no range.
    return real >= def.min && real <= def.max;
  };
  return std::visit(
      [&](const auto& v) {
        using V = std::remove_cvref_t<decltype(v)>;
        if constexpr (std::is_same_v<V, bool>) {
          return true;
        } else if constexpr (std::is_same_v<V, std::string>) {
          return def.choices.empty() || std::ranges::count(def.choices, v) > 0;
        } else if constexpr (std::is_arithmetic_v<V>) {
          return fits(v);
        } else {
          return std::ranges::all_of(v, fits);
        }
      },
      value);
}

std::string listed(std::span<const OptionDef> defs) {
  if (defs.empty()) return "it has no options";
  std::string text = "it has";
  for (const OptionDef& def : defs) {
    text += (&def == defs.data() ? " '" : ", '") + std::string(def.name) + "'";
  }
  return text;
}

}  // namespace

Options chosen_options(std::span<const OptionDef> defs,
                       const std::vector<std::pair<std::string_view, OptionValue>>& given) {
  Options chosen = defaults(defs);
  for (const auto& [name, value] : given) {
    const auto def = std::ranges::find(defs, name, &OptionDef::name);
    if (def == defs.end()) {
      throw InputError("there is no option '" + std::string(name) + "'", listed(defs));
    }
    std::optional<OptionValue> fitting = as_kind(def->kind, value);
    if (!fitting || !in_range(*def, *fitting)) {
      throw InputError(
          "option '" + std::string(name) + "' is " +
              (fitting ? "out of range"
                       : "not " + std::string(kind_names[static_cast<std::size_t>(def->kind)])),
          "it says: " + std::string(def->help));
    }
    chosen.set(name, std::move(*fitting));
  }
  for (const OptionDef& def : defs) {
    const bool there = std::ranges::count(given, def.name, [](const auto& g) { return g.first; });
    if (def.required && !there) {
      throw InputError("option '" + std::string(def.name) + "' is missing",
                       "give it: " + std::string(def.help));
    }
  }
  return chosen;
}

}  // namespace raven
