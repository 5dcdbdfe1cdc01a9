#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "raven/core/folder.hpp"

namespace raven {

/// What a run directory holds: docs/formats/run.md. All are plain files of the directory itself.
namespace run_files {
inline constexpr const char* lock = ".lock";
inline constexpr const char* job = "job.yaml";
inline constexpr const char* overrides = "overrides.json";
inline constexpr const char* training_data = "training_data.yaml";
inline constexpr const char* events = "events.jsonl";
inline constexpr const char* history = "history.jsonl";
inline constexpr const char* summary = "summary.json";
inline constexpr const char* status = "status.json";
inline constexpr const char* doors = "join.json";
inline constexpr const char* token = "join.token";
/// The one folder in it.
inline constexpr const char* checkpoints = "checkpoints";

/// The bytes that a reader takes of each at most; what raven writes has far fewer.
inline constexpr std::size_t most_job = std::size_t{4} << 20;
inline constexpr std::size_t most_overrides = std::size_t{4} << 20;
inline constexpr std::size_t most_summary = std::size_t{64} << 20;
inline constexpr std::size_t most_status = std::size_t{16} << 20;
inline constexpr std::size_t most_doors = std::size_t{1} << 20;

/// All but the lock, which stays as long as the directory.
[[nodiscard]] std::span<const char* const> all();
}  // namespace run_files

/// What stands at the top of a summary.json.
struct SummaryHead {
  bool complete = false;
  std::string weights_sha256;
};

/// None when there is none, or it is no summary. @throws InputError when it is no plain file, or
/// too large to be one
[[nodiscard]] std::optional<SummaryHead> summary_head(const Folder& run);

/// A run directory to be looked into. @throws InputError when it is none
[[nodiscard]] Folder open_run(const std::filesystem::path& run);

/// Throws InputError unless whatever is in the way of raven's own files is a plain file, and
/// `checkpoints` is a folder and no link.
void check_run_files(const Folder& run);

}  // namespace raven
