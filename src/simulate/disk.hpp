#pragma once

#include <filesystem>
#include <optional>

#include "raven/cluster/checkpoint.hpp"
#include "raven/simulate/faults.hpp"
#include "simulate/world.hpp"

namespace raven::simulated {

/// Where checkpoints go: a real folder, real files and the real code that writes and reads them.
/// Only the time it takes and the troubles are pretended. As the real writer does, it keeps just
/// the newest of those that come while it is busy.
class Disk {
 public:
  /// Empties the folder.
  Disk(World& world, std::filesystem::path folder);

  void write(Checkpoint checkpoint);
  /// Writes what waits. @return whether the last write went well
  [[nodiscard]] bool finish();
  /// The process that wrote is dead: what it was at, and what waited, is lost.
  void writer_dies();
  /// What a master finds when it starts. Of a folder without one readable checkpoint a person would
  /// begin anew.
  [[nodiscard]] std::optional<Checkpoint> newest();

  /// The next write meets with this fault. @return whether this is a fault of disks
  bool arm(FaultKind kind);
  /// Cuts the end off the newest checkpoint or flips a bit of it. @return false when there is none
  bool damage_newest();

 private:
  void begin(Checkpoint checkpoint);
  bool write_now(const Checkpoint& checkpoint);

  World& world_;
  std::filesystem::path folder_;
  std::optional<Checkpoint> writing_;
  std::optional<Checkpoint> waiting_;
  std::optional<FaultKind> armed_;
  std::uint64_t writers_ = 0;  // rises with each one that died
  std::uint64_t usual_bytes_ = 8192;
};

}  // namespace raven::simulated
