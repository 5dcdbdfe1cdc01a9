#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "raven/data/manifest.hpp"
#include "raven/job/job_spec.hpp"

namespace raven {

/// Says in what a job differs from the one that a run was begun with, key by key, as far as the
/// run directory tells: of what decides the bits only. @throws InputError always
[[noreturn]] void refuse_another_job(const std::filesystem::path& run, const JobSpec& job,
                                     const std::vector<std::string>& overrides,
                                     const Manifest& training_data);

}  // namespace raven
