#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace raven {

/// Plain words of a job file to values. All give none when the text is anything else, and read the
/// whole text.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);  ///< true, false
/// Decimal digits with an optional sign.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view text);
/// 3, 0.5, 1.0e-3, 1e-3; finite.
[[nodiscard]] std::optional<double> parse_real(std::string_view text);
/// A number and its unit: 500 ms, 30 s, 2 min, 1.5 h. The space may be missing. Rounded to
/// milliseconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// A number and its unit: 512 MiB, 4 GB, 1.5 GiB, 100 B. KB, MB, GB, TB count in thousands, KiB ...
/// in 1024s.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace raven
