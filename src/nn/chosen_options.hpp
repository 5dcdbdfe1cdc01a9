#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "raven/core/option.hpp"

namespace raven {

/// The options of a layer that a program names, checked as a job's are, with defaults filled in. A
/// whole number serves as a real one, and a number as a list of one.
/// @throws InputError when one is unknown, missing, of another kind or out of range
[[nodiscard]] Options chosen_options(
    std::span<const OptionDef> defs,
    const std::vector<std::pair<std::string_view, OptionValue>>& given);

}  // namespace raven
