#pragma once

#include <string>
#include <vector>

#include "raven/cluster/master.hpp"

namespace raven {

/// Finished epochs as a JSON array, for checkpoints and summaries.
[[nodiscard]] std::string history_to_json(const std::vector<EpochResult>& history);
/// @param steps_per_epoch for an array without the steps of its epochs, as it was written before
/// @throws InputError when the text is not such an array
[[nodiscard]] std::vector<EpochResult> history_from_json(const std::string& text,
                                                         std::int64_t steps_per_epoch);

}  // namespace raven
