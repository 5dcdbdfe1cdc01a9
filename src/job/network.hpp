#pragma once

#include <string>
#include <vector>

#include "job/checker.hpp"
#include "raven/nn/module.hpp"

namespace raven {

/// Readers for what a job names out of a table: each is a word ("flatten") or a map of one
/// ("linear: {features: 10}"). Mistakes go to the checker; what comes back then is only good to
/// find further ones.
[[nodiscard]] std::vector<LayerSpec> read_layers(Checker& checker, const YamlNode& node,
                                                 const std::string& path);
[[nodiscard]] Choice read_loss(Checker& checker, const YamlNode& node);
[[nodiscard]] Choice read_optimizer(Checker& checker, const YamlNode& node);
[[nodiscard]] Choice read_schedule(Checker& checker, const YamlNode& node);

}  // namespace raven
