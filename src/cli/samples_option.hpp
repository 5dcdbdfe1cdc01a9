#pragma once

namespace raven {

/// What --samples is short for, and how --help explains it.
inline constexpr const char* samples_setting = "data.use_samples=true";
inline constexpr const char* samples_help =
    "take the job's small sample set (data.samples) instead of its data; names the run "
    "NAME_samples";

}  // namespace raven
