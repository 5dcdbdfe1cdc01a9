#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/pace.hpp"
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
    std::string state;                    ///< "greeted", "ready", "leaving", "gone"
    std::optional<double> samples_per_s;  ///< of late; none for those that are gone
    std::int64_t snippets = 0;
    double last_heard_s = 0;  ///< seconds before the status was written
  };
  std::string job;
  std::string state;  ///< "training", "evaluating", "waiting", "held", "finished", "stopped"
  std::string node;
  std::int64_t pid = 0;
  double age_s = 0;  ///< since it was written
  double wall_s = 0;
  std::int64_t step = 0;
  std::int64_t steps = 0;
  std::int64_t epoch = 1;
  std::int64_t epochs = 1;
  std::optional<double> loss;           ///< mean of the epoch so far
  std::optional<double> samples_per_s;  ///< of late
  std::optional<double> left_s;         ///< by the pace of late
  std::string disk;                     ///< why it refuses checkpoints; empty when it does not
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
  StatusFile(const std::filesystem::path& run, std::string job, std::int64_t epochs);

  /// Cheap to call often. @param disk why it refuses checkpoints; empty when it does not
  /// @param held training waits for it
  void update(const Master& master, const std::string& disk, bool held, Clock::time_point now);
  /// The last word.
  void finish(const Master& master, Clock::time_point now);

 private:
  void write(const Master& master, const MasterProgress& progress, const std::string& state,
             const std::string& disk, Clock::time_point now);
  void measure(const Master& master, const MasterProgress& progress, Clock::time_point now);
  /// What an earlier process wrote is replaced even where the disk has no room for another file.
  void overwrite(const std::string& text);

  Folder run_;
  std::string job_;
  std::int64_t epochs_;
  // A clock that is set anew while the run goes on changes nothing.
  Clock::time_point started_;
  double started_1970_;
  std::optional<Clock::time_point> written_;
  // While nothing is trained this clock of its own stands still.
  std::optional<Clock::time_point> measured_;
  Clock::time_point training_time_{};
  Pace rows_;
  Pace steps_;
  std::map<std::uint32_t, Pace> rows_of_;  ///< by peer, of those that are here
};

/// The file as it is; none when there is no such file.
[[nodiscard]] std::optional<std::string> status_text(const std::filesystem::path& run);

/// None when there is no such file. Text from contributors is made fit to print.
/// @throws InputError when it is damaged
[[nodiscard]] std::optional<RunStatus> read_status(const std::filesystem::path& run);

/// Whether a master is at work in this folder.
[[nodiscard]] bool master_is_at_work(const std::filesystem::path& run);

}  // namespace raven
