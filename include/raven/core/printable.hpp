#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace raven {

/// Which line ends printable() leaves as they are.
enum class LineEnds : std::uint8_t {
  keep,   ///< for text of several lines
  escape  ///< for what must stay one line: a message, a label
};

/// Text as it may be shown on a terminal or written to a log, whoever it comes from.
///
/// Names in data, jobs and files and words of peers may hold what a terminal obeys. Escaped as
/// `\u001b` are the control characters of ASCII but for the tab, those of Latin-1 (U+0080 to
/// U+009F), U+2028 and U+2029, which end lines, and the marks that turn the direction of text
/// around (U+202A to U+202E, U+2066 to U+2069); bytes that are not UTF-8 as `\x9b`. All else stays,
/// so the text of a JSON document stays one.
[[nodiscard]] std::string printable(std::string_view text, LineEnds ends = LineEnds::keep);

}  // namespace raven
