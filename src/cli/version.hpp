#pragma once

#include <string_view>

namespace raven {

/// "0.1.0", as CMake's project() says.
inline constexpr std::string_view version = RAVEN_VERSION;

}  // namespace raven
