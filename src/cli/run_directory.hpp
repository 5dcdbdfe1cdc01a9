#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/line_file.hpp"
#include "cli/run_files.hpp"
#include "cli/run_lock.hpp"
#include "raven/cluster/master.hpp"
#include "raven/core/folder.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// A run on disk: docs/formats/run.md. One master at a time: it is locked while this object lives.
/// Whatever is in the way of one of its files is refused, and never followed, replaced or deleted.
class RunDirectory {
 public:
  /// Makes the folder, or opens one that an earlier run left behind.
  /// @param job_text the job file as it was read  @param fresh forget what an earlier run left
  /// @throws InputError when it is somebody else's folder, or another master is at work in it
  RunDirectory(const std::filesystem::path& folder, std::string job_text,
               std::vector<std::string> overrides, bool fresh);
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] const RunLock& lock() const { return *lock_; }
  [[nodiscard]] std::filesystem::path checkpoints() const {
    return path() / run_files::checkpoints;
  }

  /// Keeps a copy of the job. Once it is sure that the run goes on with this one.
  void write_job();
  /// What an earlier life of the run was trained on, if it kept that.
  /// @throws InputError when it can't be read
  [[nodiscard]] std::optional<Manifest> training_data() const;
  /// Keeps a copy of the training manifest, which tells what samples the model takes.
  void write_training_data(const Manifest& manifest);
  /// Whether summary.json is that of a run which has come to its end with these weights.
  [[nodiscard]] bool has_summary_of(const Digest& weights) const;

  /// The `t` of the last event that is there; 0 when there is none.
  [[nodiscard]] double seconds_told() const { return seconds_told_; }
  /// Appends one line to events.jsonl, whole or not at all. Its `t` is never less than that of the
  /// line before. @return false while the disk does not take it: it waits
  bool log(RunEvent event);
  /// Takes lines off history.jsonl that a checkpoint of that step, after so many epochs, does not
  /// know of: they are computed anew.
  void cut_history(std::uint64_t step, std::int64_t epochs);
  /// Appends a line to history.jsonl, unless it is there.
  void log_epoch(const EpochResult& epoch);
  /// Sees to it that what history.jsonl has is on the disk. Any thread.
  void sync_history() const;
  /// Writes lines that wait. @return why some still do; empty when none does
  [[nodiscard]] std::string flush_lines();
  /// Replaces summary.json, whole or not at all.
  void write_summary(const std::string& json);

 private:
  void clear();
  void remove_leftovers();
  void open_lines();

  std::string job_text_;
  std::vector<std::string> overrides_;
  Folder folder_;
  std::unique_ptr<RunLock> lock_;
  std::optional<LineFile> events_;
  std::optional<LineFile> history_;
  double seconds_told_ = 0;
  std::int64_t epochs_told_ = 0;
};

/// What `--set` said when the run was last begun. @throws InputError when the file that keeps it is
/// damaged
[[nodiscard]] std::vector<std::string> overrides_of(const std::filesystem::path& run);

/// What the run was trained on; its shards need not be there.
/// @throws InputError when an older raven trained it, which did not keep this
[[nodiscard]] Manifest training_data_of(const std::filesystem::path& run);

/// "runs/<name>" beside the job file's folder, where the same command finds it again.
[[nodiscard]] std::filesystem::path default_run_folder(const std::string& job_name);

}  // namespace raven
