#pragma once

#include <string>
#include <vector>

#include "raven/cluster/master.hpp"

namespace raven {

/// Finished epochs as a JSON array, for checkpoints and summaries.
[[nodiscard]] std::string history_to_json(const std::vector<EpochResult>& history);
/// @throws InputError when the text is not such an array
[[nodiscard]] std::vector<EpochResult> history_from_json(const std::string& text);

}  // namespace raven
