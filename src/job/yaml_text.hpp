#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "raven/core/error.hpp"

namespace raven {

/// Looks at bytes before a YAML parser does: size, UTF-8, control characters, tabs in the
/// indentation.
/// @return whether the text may be parsed; every mistake that speaks against it is in `errors`
[[nodiscard]] bool check_text(std::string_view text, const std::string& name,
                              std::vector<InputError>& errors);

}  // namespace raven
