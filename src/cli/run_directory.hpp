#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "raven/cluster/master.hpp"

namespace raven {

/// A run on disk: docs/formats/run.md. One master at a time: it is locked while this object lives.
class RunDirectory {
 public:
  /// Makes the folder, or opens one that a run of the same job left behind.
  /// @param fresh forget what an earlier run left
  /// @throws InputError when it is somebody else's folder, or another master is at work in it
  RunDirectory(std::filesystem::path folder, const std::filesystem::path& job_file, bool fresh);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }
  [[nodiscard]] std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }

  /// Appends one line to events.jsonl. A disk that is full loses the line, never the run.
  void log(const RunEvent& event);
  /// Replaces summary.json, whole or not at all.
  void write_summary(const std::string& json);

 private:
  std::filesystem::path folder_;
  int lock_ = -1;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> events_{nullptr, std::fclose};
};

/// "runs/<name>" beside the job file's folder, where the same command finds it again.
[[nodiscard]] std::filesystem::path default_run_folder(const std::string& job_name);

}  // namespace raven
