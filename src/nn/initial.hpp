#pragma once

#include <cstdint>
#include <string_view>

#include "raven/core/option.hpp"
#include "raven/nn/module.hpp"

namespace raven {

/// `initial`: how a layer's weight starts. "auto" is he in front of an activation of relu's kind,
/// lecun in front of selu, glorot otherwise. Deviations: he sqrt(2 / in) (He et al., 2015), lecun
/// sqrt(1 / in) (Klambauer et al., 2017), both normal; glorot uniform within sqrt(6 / (in + out))
/// (Glorot and Bengio, 2010), where in and out are the values that one output is made of and that
/// one input goes into.
[[nodiscard]] OptionDef initial_option(std::string_view fallback);
/// `initial_scale`: he, lecun, glorot: a factor (usually 1); normal: the deviation (0.02); uniform:
/// the bound (0.05). 0 stands for the usual value.
[[nodiscard]] OptionDef initial_scale_option(double fallback);

/// How many values one output of a weight is made of, and how many one input goes into.
struct Fan {
  std::int64_t in = 1;
  std::int64_t out = 1;
};

/// Declares the parameter `path`.weight with values by the options `initial` and `initial_scale`: a
/// pure function of (seed, parameter id, element).
/// @param activation what the layer's output goes through, for "auto"
[[nodiscard]] ParameterId add_weight(const ModuleContext& context, const Shape& shape, Fan fan,
                                     const Options& options, std::string_view activation);

/// Declares `path`.`name`, filled with one value. Weight decay never applies to it.
[[nodiscard]] ParameterId add_constant(const ModuleContext& context, std::string_view name,
                                       const Shape& shape, float value, bool trainable = true);

}  // namespace raven
