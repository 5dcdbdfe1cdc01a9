#pragma once

#include <cstdint>
#include <string>

namespace raven {

/// Numbers as a person reads them.
[[nodiscard]] std::string size_in_words(double bytes);         ///< "398 KiB"
[[nodiscard]] std::string count_in_words(std::int64_t count);  ///< "1 234 567"
[[nodiscard]] std::string time_in_words(double seconds);       ///< "0:31", "1:02:03", "3d 04:00"
/// Three digits and a prefix: "1.23 G", "45.6 M"; the unit follows.
[[nodiscard]] std::string with_prefix(double value);
/// "1 step", "3 steps"
[[nodiscard]] std::string plural(std::int64_t count, const std::string& word);

}  // namespace raven
