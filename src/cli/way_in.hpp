#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/contribute.hpp"
#include "cli/door_file.hpp"
#include "raven/cluster/contributor.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// Growing patience with doors that do not open, or that lead nowhere. Others are tried at once.
class DoorPause {
 public:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool is_over(const DoorFile& doors, Clock::time_point now) const;
  /// After a try that came to nothing: twice as long as the last one at the same doors.
  void begin(const DoorFile& doors, Clock::time_point now);

 private:
  DoorFile tried_;
  std::chrono::milliseconds length_{0};
  Clock::time_point ends_{};
};

/// The way of a contributing process to its run, again and again: by the doors that its run
/// directory names. A new master writes new ones there, and a gateway that has gone is taken out.
///
/// Threads: the one that uses MPI.
class WayIn {
 public:
  /// How long to wait for a door that opens.
  struct Patience {
    std::chrono::seconds first{60};    ///< for a run that has not begun
    std::chrono::seconds again{3600};  ///< for one whose master, or gateway, has gone
    bool stays = false;                ///< waits for a run that was stopped, too
  };

  /// @param own_server the address of the ompi-server that MPI was initialised with; may be empty
  /// @param begin_anew replaces this process, for when MPI holds it up for ever; may be empty
  WayIn(std::filesystem::path run, Patience patience, std::string own_server,
        std::function<void()> begin_anew = {});

  /// The run's doors as soon as there are any. None: the run is complete, or this process was asked
  /// to stop. @throws InputError when patience is over
  [[nodiscard]] static std::optional<DoorFile> wait_for_doors(const std::filesystem::path& run,
                                                              std::chrono::seconds patience);
  /// Contributes by `first` (null: comes in by a door), and whenever the way is lost comes in
  /// again, with all that `workplace` still has. @return how it ended
  /// @throws InputError when there was no way in for too long
  [[nodiscard]] ContributorEnd contribute(Workplace& workplace, std::unique_ptr<Transport> first);
  /// The run has another ompi-server than this process, which can't be told about it any more:
  /// only a new process can come in.
  [[nodiscard]] bool needs_new_process() const { return needs_new_process_; }

 private:
  [[nodiscard]] std::unique_ptr<Transport> enter(std::chrono::seconds patience);
  [[nodiscard]] std::unique_ptr<Transport> try_doors(const DoorFile& doors, std::string& failure);

  std::filesystem::path run_;
  Patience patience_;
  std::string own_server_;
  std::function<void()> begin_anew_;
  bool needs_new_process_ = false;
  DoorFile::Gateway used_ = {};  ///< the last one
  bool used_is_over_ = false;
  DoorFile entered_by_;  ///< the doors that it came in by; none for who came another way
  DoorPause pause_;
};

}  // namespace raven
