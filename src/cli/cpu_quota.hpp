#pragma once

#include <filesystem>
#include <optional>

namespace raven {

/// The processor time that control groups (version 1 or 2) grant this process and its neighbours in
/// the group, in cores: 0.5 is half of one core's time. The least of the group's own and those of
/// the groups around it. None: no limit, or none that can be seen from here.
/// @param root where /proc and the mount points are looked for
[[nodiscard]] std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace raven
