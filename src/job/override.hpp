#pragma once

#include <string>
#include <vector>

#include "job/yaml_tree.hpp"

namespace raven {

/// Puts "train.batch=128" into the tree, as if the file had said so. Maps on the way are made, a
/// bare word on the way becomes a map ("flatten" to "flatten: {}"), numbers count list items from
/// 0. What is wrong is reported at the place "--set train.batch=128".
void apply_override(YamlNode& root, const std::string& text, std::vector<InputError>& errors);

}  // namespace raven
