#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raven/cluster/checkpoint_writer.hpp"
#include "raven/cluster/master.hpp"

namespace raven {

/// Looks at how the disk takes checkpoints. While it refuses them, being full for instance,
/// training goes on for a while, since what is to be written is tried again and again; then it is
/// held, for what is computed without a checkpoint is lost with the process. Makes no calls of its
/// own to the disk, and reads no clock.
class DiskWatch {
 public:
  using Clock = CheckpointWriter::Clock;
  struct Hooks {
    std::function<void(std::string kind, std::vector<std::pair<std::string, RunEvent::Field>>)> log;
    std::function<void(const std::string&)> warn;
    std::function<void(bool held)> hold;  ///< training, from the next step on
  };

  /// @param trains_on how long without a checkpoint
  DiskWatch(Clock::duration trains_on, Hooks hooks);

  void look(const std::optional<CheckpointWriter::Refusal>& refusal, Clock::time_point now);
  /// Why the disk refuses; empty when it does not.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] bool holds() const { return holds_; }

 private:
  Clock::duration trains_on_;
  Hooks hooks_;
  std::string reason_;
  Clock::time_point since_{};
  bool holds_ = false;
};

}  // namespace raven
