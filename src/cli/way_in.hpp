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
};

}  // namespace raven
