#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "raven/cluster/master.hpp"
#include "raven/core/folder.hpp"

namespace raven {

/// What RUN/status.json says of a run under way: docs/formats/run.md.
struct RunStatus {
  struct Contributor {
    std::int64_t peer = 0;
    std::string node;
    std::int64_t pid = 0;
    std::int64_t threads = 0;
    std::string state;  ///< "greeted", "ready", "leaving", "gone"
    double samples_per_s = 0;
    std::int64_t snippets = 0;
    double last_heard_s = 0;  ///< seconds before the status was written
  };
  std::string job;
  std::string state;  ///< "training", "evaluating", "waiting", "finished", "stopped"
  std::string node;
  std::int64_t pid = 0;
  double written = 0;  ///< seconds since 1970
  double wall_s = 0;
  std::int64_t step = 0;
  std::int64_t steps = 0;
  std::int64_t epoch = 1;
  std::int64_t epochs = 1;
  std::optional<double> loss;           ///< mean of the epoch so far
  std::optional<double> samples_per_s;  ///< of late
  std::optional<double> left_s;         ///< by the pace of late
  std::vector<Contributor> contributors;
};

/// Keeps status.json up to date: about once a second, whole each time. A disk that is full makes it
/// old, never the run wait.
class StatusFile {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds interval{1};
  /// Contributors that are gone: so many of the latest are listed.
  static constexpr std::size_t most_gone = 32;

  /// @param wall_before seconds of training before this process
  StatusFile(const std::filesystem::path& run, std::string job, std::int64_t epochs,
             double wall_before);

  /// Cheap to call often.
  void update(const Master& master, Clock::time_point now);
  /// The last word.
  void finish(const Master& master, Clock::time_point now);

 private:
  void write(const Master& master, const MasterProgress& progress, const std::string& state,
             Clock::time_point now);
  void measure(const MasterProgress& progress, Clock::time_point now);

  Folder run_;
  std::string job_;
  std::int64_t epochs_;
  double wall_before_;
  Clock::time_point started_;
  std::optional<Clock::time_point> written_;
  // Pace of late: means that forget within about ten seconds.
  std::optional<Clock::time_point> measured_;
  std::uint64_t rows_seen_ = 0;
  std::uint64_t steps_seen_ = 0;
  double rows_per_s_ = 0;
  double steps_per_s_ = 0;
};

/// The file as it is; none when there is no such file.
[[nodiscard]] std::optional<std::string> status_text(const std::filesystem::path& run);

/// None when there is no such file. Text from contributors is made fit to print.
/// @throws InputError when it is damaged
[[nodiscard]] std::optional<RunStatus> read_status(const std::filesystem::path& run);

/// Whether a master is at work in this folder.
[[nodiscard]] bool master_is_at_work(const std::filesystem::path& run);

}  // namespace raven
