#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {

/// A value that a user chose: true, 3, 0.5, "relu", [0.1, 0.9], [3, 5].
using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<double>,
                                 std::vector<std::int64_t>>;

/// In a job file a number alone serves as a list of one.
enum class OptionKind : std::uint8_t { boolean, integer, real, text, reals, integers };

/// One thing that a user can choose of a layer, loss, optimizer or schedule: enough to check it, to
/// fill its default in and to explain it in the documentation.
struct OptionDef {
  std::string_view name;
  OptionKind kind = OptionKind::integer;
  bool required = false;
  OptionValue fallback = std::int64_t{0};  ///< of the given kind; unused when required
  /// Of a number, or of each number of a list; both inclusive.
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  /// Allowed words; empty for any. Only for OptionKind::text.
  std::span<const std::string_view> choices = {};
  std::string_view help;  ///< one line for a person
};

/// Checked choices with every default filled in.
class Options {
 public:
  void set(std::string_view name, OptionValue value) {
    for (auto& [key, old] : values_) {
      if (key == name) {
        old = std::move(value);
        return;
      }
    }
    values_.emplace_back(name, std::move(value));
  }
  /// @pre the option is in the OptionDefs of what it belongs to
  [[nodiscard]] bool boolean(std::string_view name) const { return get<bool>(name); }
  [[nodiscard]] std::int64_t integer(std::string_view name) const {
    return get<std::int64_t>(name);
  }
  [[nodiscard]] double real(std::string_view name) const { return get<double>(name); }
  [[nodiscard]] const std::string& text(std::string_view name) const {
    return get<std::string>(name);
  }
  [[nodiscard]] const std::vector<double>& reals(std::string_view name) const {
    return get<std::vector<double>>(name);
  }
  [[nodiscard]] const std::vector<std::int64_t>& integers(std::string_view name) const {
    return get<std::vector<std::int64_t>>(name);
  }
  [[nodiscard]] const std::vector<std::pair<std::string, OptionValue>>& all() const {
    return values_;
  }

 private:
  template <class T>
  [[nodiscard]] const T& get(std::string_view name) const {
    for (const auto& [key, value] : values_) {
      if (key == name && std::holds_alternative<T>(value)) return std::get<T>(value);
    }
    expects(false, "an option is asked for by its declared name and kind");
    std::abort();
  }

  std::vector<std::pair<std::string, OptionValue>> values_;
};

/// Every option that need not be given, at its default.
[[nodiscard]] inline Options defaults(std::span<const OptionDef> defs) {
  Options options;
  for (const OptionDef& def : defs) {
    if (!def.required) options.set(def.name, def.fallback);
  }
  return options;
}

/// Something chosen by name with its options, "adam: {rate: 0.001}", and where it was written.
struct Choice {
  std::string type;
  Options options;
  Place place;
};

}  // namespace raven
