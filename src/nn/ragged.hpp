#pragma once

#include <string_view>

#include "raven/nn/module.hpp"

namespace raven {

/// Rows of each sample of ragged data, i32 [samples]: tokens, or nodes of a tree.
[[nodiscard]] Variable lengths_of(Tape& tape, Ragged rows = Ragged::sequences);

/// @throws InputError unless the input is rows of real numbers [width]
void need_tokens(const ModuleContext& context, std::string_view layer);

}  // namespace raven
