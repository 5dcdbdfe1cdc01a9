#include "job/value.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "raven/core/number.hpp"

namespace raven {
namespace {

template <class T>
std::optional<T> whole(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  double factor;
};

/// A number >= 0 and one of the units, as number x factor.
std::optional<double> with_unit(std::string_view text, std::span<const Unit> units) {
  std::size_t digits = 0;
  while (digits < text.size() &&
         ((text[digits] >= '0' && text[digits] <= '9') || text[digits] == '.')) {
    ++digits;
  }
  const std::optional<double> number = parse_real(text.substr(0, digits));
  text.remove_prefix(digits);
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (text == unit.name) return *number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return whole<std::int64_t>(text);
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  return whole<std::uint64_t>(text);
}

std::optional<double> parse_real(std::string_view text) {
  // YAML takes blanks off already; those that are left were quoted, as in the other values.
  if (text != without_blanks(text)) return std::nullopt;
  return number_of(text);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::array units{Unit{"ms", 1},  Unit{"s", 1e3},   Unit{"sec", 1e3}, Unit{"min", 6e4},
                             Unit{"m", 6e4}, Unit{"h", 3.6e6}, Unit{"d", 8.64e7}};
  const std::optional<double> value = with_unit(text, units);
  // A century: far beyond any run, far below an overflow.
  if (!value || *value > 3.2e12) return std::nullopt;
  return std::chrono::milliseconds(std::llround(*value));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::array units{Unit{"B", 1},        Unit{"KB", 1e3},     Unit{"kB", 1e3},
                             Unit{"MB", 1e6},     Unit{"GB", 1e9},     Unit{"TB", 1e12},
                             Unit{"KiB", 0x1p10}, Unit{"MiB", 0x1p20}, Unit{"GiB", 0x1p30},
                             Unit{"TiB", 0x1p40}};
  const std::optional<double> value = with_unit(text, units);
  if (!value || *value > 0x1p52) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*value));
}

}  // namespace raven
