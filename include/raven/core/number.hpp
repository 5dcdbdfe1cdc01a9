#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace raven {

/// The value of a decimal number: an optional sign, digits with at most one point among them, an
/// optional exponent; blanks and tabs around it don't count. None for anything else: no hexadecimal
/// digits, no inf or nan, no decimal comma, and nothing beyond float64's range. What is nearer to 0
/// than float64 can say is 0.
///
/// Every importer asks this one function what is a number.
[[nodiscard]] std::optional<double> number_of(std::string_view text);

/// True when float32 has a finite number nearest to `value`.
[[nodiscard]] bool fits_float(double value);

/// One text for all ways to write a number: "1" for `1`, `1.0`, `+01` and `10e-1`. Exact: numbers
/// that differ in any digit keep different texts. None when number_of() has none.
[[nodiscard]] std::optional<std::string> plain_number(std::string_view text);

/// plain_number(), or the text itself without blanks around it: equal for equal class names.
[[nodiscard]] std::string plain_name(std::string_view text);

/// The text without blanks and tabs around it.
[[nodiscard]] std::string_view without_blanks(std::string_view text);

}  // namespace raven
