#pragma once

#include <filesystem>
#include <optional>

#include "raven/data/manifest.hpp"

namespace raven {

/// @throws InputError when the rows mean something else now than when the run began, be it in
/// another order: equal shards whose columns or classes got other names would go on as something
/// else
void check_same_meaning(const Manifest& now, const Manifest& began,
                        const std::filesystem::path& run);

/// The data's own manifest, with what only the run's earlier one knows of the same rows.
[[nodiscard]] Manifest with_known(Manifest now, const std::optional<Manifest>& began);

}  // namespace raven
