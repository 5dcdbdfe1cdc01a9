#include "raven/core/number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace raven {
namespace {

/// +-0.digits x 10^exponent, without zeros at either end of the digits; 0 has none.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;
};

constexpr std::int64_t most_exponent = 1'000'000'000;  // far beyond any number's range

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The exponent after its e, or none. Beyond most_exponent it stays there.
std::optional<std::int64_t> exponent_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) value = std::min(most_exponent, 10 * value + (c - '0'));
  return negative ? -value : value;
}

std::optional<Decimal> decimal_of(std::string_view text) {
  Decimal number;
  number.negative = text.starts_with('-');
  if (number.negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t before_point = 0;
  bool point = false;
  std::size_t at = 0;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
    } else {
      number.digits += text[at];
      if (!point) ++before_point;
    }
  }
  if (number.digits.empty()) return std::nullopt;
  text.remove_prefix(at);
  number.exponent = before_point;
  if (!text.empty()) {
    if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
    const auto exponent = exponent_of(text.substr(1));
    if (!exponent) return std::nullopt;
    number.exponent += *exponent;
  }
  const std::size_t zeros = std::min(number.digits.find_first_not_of('0'), number.digits.size());
  number.digits.erase(0, zeros);
  number.exponent -= static_cast<std::int64_t>(zeros);
  number.digits.erase(number.digits.find_last_not_of('0') + 1);
  if (number.digits.empty()) return Decimal{};
  return number;
}

std::optional<double> value_of(const Decimal& number) {
  constexpr std::int64_t beyond_float64 = 400;
  if (number.digits.empty() || number.exponent < -beyond_float64) return 0.0;
  if (number.exponent > beyond_float64) return std::nullopt;
  const std::string text =
      (number.negative ? "-0." : "0.") + number.digits + "e" + std::to_string(number.exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    if (number.exponent < 0) return 0.0;
    return std::nullopt;
  }
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string text_of(const Decimal& number) {
  constexpr std::int64_t most_before_point = 21;
  constexpr std::int64_t most_zeros_after_point = 5;
  const std::string sign = number.negative ? "-" : "";
  const auto count = static_cast<std::int64_t>(number.digits.size());
  const std::int64_t before = number.exponent;
  if (before >= count && before <= most_before_point) {
    return sign + number.digits + std::string(static_cast<std::size_t>(before - count), '0');
  }
  if (before > 0 && before < count) {
    const auto at = static_cast<std::size_t>(before);
    return sign + number.digits.substr(0, at) + "." + number.digits.substr(at);
  }
  if (before <= 0 && -before <= most_zeros_after_point) {
    return sign + "0." + std::string(static_cast<std::size_t>(-before), '0') + number.digits;
  }
  std::string text = sign + number.digits.substr(0, 1);
  if (count > 1) text += "." + number.digits.substr(1);
  return text + "e" + std::to_string(before - 1);
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

std::optional<double> number_of(std::string_view text) {
  text = without_blanks(text);
  // The common case; what begins like this and is read to its end has the form of a decimal.
  const std::string_view unsigned_text = text.starts_with('-') ? text.substr(1) : text;
  if (!unsigned_text.empty() && (is_digit(unsigned_text.front()) || unsigned_text.front() == '.')) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) return value;
  }
  const auto decimal = decimal_of(text);
  return decimal ? value_of(*decimal) : std::nullopt;
}

bool fits_float(double value) {
  // The largest float and half of its last place: what is nearer to 2^128 rounds to infinity.
  return std::abs(value) < 0x1.ffffffp127;
}

std::optional<std::string> plain_number(std::string_view text) {
  const auto decimal = decimal_of(without_blanks(text));
  if (!decimal) return std::nullopt;
  const auto value = value_of(*decimal);
  if (!value) return std::nullopt;
  return *value == 0 ? "0" : text_of(*decimal);
}

std::string plain_name(std::string_view text) {
  return plain_number(text).value_or(std::string(without_blanks(text)));
}

}  // namespace raven
