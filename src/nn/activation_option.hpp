#pragma once

#include "raven/core/option.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

/// `activation` of linear and conv2d, with its usual constants; computed in the same pass over
/// memory as the bias.
[[nodiscard]] OptionDef activation_option();
/// @param name one of the option's choices
[[nodiscard]] kernels::Activation activation_named(std::string_view name);

}  // namespace raven
