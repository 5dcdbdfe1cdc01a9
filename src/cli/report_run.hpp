#pragma once

#include <filesystem>
#include <string>

#include "cli/progress.hpp"
#include "raven/cluster/checkpoint.hpp"
#include "raven/cluster/master.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// What a run amounts to once its master has ended.
struct RunOutcome {
  const Master* master = nullptr;
  Traffic traffic;
  double wall_seconds = 0;     ///< of training, over all restarts
  double session_seconds = 0;  ///< of this process
};

/// Tells a person how a run goes, and a program how it went.
class RunReport {
 public:
  /// @param tells_tokens whether the loss is that of a token, so that it can be told as perplexity
  RunReport(bool quiet, const JobSpec& job, std::filesystem::path run, bool tells_tokens);

  void resumed(const LoadedCheckpoint& loaded);
  void event(const RunEvent& event);
  void progress(const MasterProgress& progress);
  void warn(const std::string& text);
  void finished(const RunOutcome& outcome);
  /// The content of summary.json: docs/formats/run.md.
  [[nodiscard]] std::string summary_json(const RunOutcome& outcome) const;

 private:
  bool quiet_;
  bool tells_tokens_;
  const JobSpec& job_;
  std::filesystem::path run_;
  Progress progress_;
  std::uint64_t resumed_from_ = 0;
  std::uint64_t rows_before_ = 0;
  Progress::Clock::time_point measured_at_;
  double samples_per_second_ = 0;
};

}  // namespace raven
