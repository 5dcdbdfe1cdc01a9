#include "cli/figures.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace raven {
namespace {

/// Three significant digits, never in scientific notation.
std::string three_digits(double value) {
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return fmt::format("{:.{}f}", value, decimals);
}

}  // namespace

std::string size_in_words(double bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  // 1023.6 would be shown as 1024: move on a little before.
  while (bytes >= 1023.5 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return (unit == 0 ? fmt::format("{:.0f}", bytes) : three_digits(bytes)) + " " + units[unit];
}

std::string count_in_words(std::int64_t count) {
  std::string text = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t place = text.size(); place > first + 3;) {
    place -= 3;
    text.insert(place, " ");
  }
  return text;
}

std::string time_in_words(double seconds) {
  constexpr double most = 3.2e9;
  if (!(seconds < most)) return "for ever";
  const std::int64_t all = std::llround(std::fmax(seconds, 0.0));
  const std::int64_t days = all / 86400;
  const std::int64_t hours = all / 3600 % 24;
  const std::int64_t minutes = all / 60 % 60;
  if (days > 0) return fmt::format("{}d {:02}:{:02}", days, hours, minutes);
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, all % 60);
  return fmt::format("{}:{:02}", minutes, all % 60);
}

std::string with_prefix(double value) {
  constexpr std::array prefixes{"", "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < prefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return three_digits(value) + " " + prefixes[prefix];
}

std::string plural(std::int64_t count, const std::string& word) {
  return count_in_words(count) + " " + word + (count == 1 ? "" : "s");
}

}  // namespace raven
