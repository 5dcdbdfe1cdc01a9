#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/run_files.hpp"
#include "raven/cluster/master.hpp"
#include "raven/core/folder.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// A run on disk: docs/formats/run.md. One master at a time: it is locked while this object lives.
/// Whatever is in the way of one of its files is refused, and never followed, replaced or deleted.
class RunDirectory {
 public:
  /// Makes the folder, or opens one that an earlier run left behind.
  /// @param fresh forget what an earlier run left
  /// @throws InputError when it is somebody else's folder, or another master is at work in it
  RunDirectory(std::filesystem::path folder, const std::filesystem::path& job_file,
               std::vector<std::string> overrides, bool fresh);
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] std::filesystem::path checkpoints() const {
    return path() / run_files::checkpoints;
  }

  /// Keeps a copy of the job. Once it is sure that the run goes on with this one.
  void write_job();
  /// Keeps a copy of the training manifest, which tells what samples the model takes.
  void write_training_data(const Manifest& manifest);
  /// Appends one line to events.jsonl, whole or not at all. A disk that is full loses the line,
  /// never the run. @return false when the line is lost
  bool log(const RunEvent& event);
  /// Replaces summary.json, whole or not at all.
  void write_summary(const std::string& json);

 private:
  void clear();
  void remove_leftovers();
  void open_events();

  std::string job_text_;
  std::vector<std::string> overrides_;
  Folder folder_;
  Descriptor lock_;
  Descriptor events_;
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
