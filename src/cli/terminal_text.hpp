#pragma once

#include <string>
#include <string_view>

namespace raven {

/// The same text with every control character but line ends and tabs written out ("\x1b"), so that
/// names and texts from elsewhere can't make a terminal do anything. So are bytes that are no UTF-8.
[[nodiscard]] std::string terminal_text(std::string_view text);

/// The same for text that has to stay in one line: line ends and tabs, too, are written out.
[[nodiscard]] std::string terminal_line(std::string_view text);

}  // namespace raven
