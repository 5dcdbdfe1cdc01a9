#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "raven/cluster/checkpoint.hpp"

namespace raven {

/// What it cost to write a checkpoint.
struct CheckpointCost {
  std::uint64_t step = 0;
  double seconds = 0;
  double cpu_seconds = 0;  ///< of the writing thread
};

/// Between two attempts to write a checkpoint: at first, and at most.
struct CheckpointPatience {
  std::chrono::milliseconds first{1000};
  std::chrono::milliseconds most{30000};
};

/// Writes checkpoints on a thread of its own, so that training never waits for a disk. When they
/// come faster than the disk takes them, only the newest is kept. One that the disk refuses, being
/// full for instance, is tried again until it is written or a newer one is there, with growing
/// patience. Threads: one caller.
class CheckpointWriter {
 public:
  using Clock = std::chrono::steady_clock;
  /// A disk that refuses.
  struct Refusal {
    std::string reason;       ///< of the last attempt
    Clock::time_point since;  ///< the first one that failed
  };

  /// @param before called on the writing thread before each attempt, for what has to be on the disk
  /// before the checkpoint that leans on it; may be empty
  CheckpointWriter(std::filesystem::path folder, int keep, std::function<void()> before = {},
                   CheckpointPatience patience = {});
  /// Finishes what is begun or waiting, but tries nothing again.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  void write(Checkpoint checkpoint);
  /// Waits until all is written, but no longer than that. @return whether it is
  [[nodiscard]] bool wait(std::chrono::milliseconds time);
  /// None when the last attempt went well.
  [[nodiscard]] std::optional<Refusal> refusal();
  /// What was written since the last call, oldest first.
  [[nodiscard]] std::vector<CheckpointCost> take_written();

 private:
  void work();
  /// @return why the disk refused; empty when it did not
  [[nodiscard]] std::string attempt(const Checkpoint& checkpoint, CheckpointCost& cost);

  std::filesystem::path folder_;
  int keep_;
  std::function<void()> before_;
  CheckpointPatience patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Checkpoint> waiting_;
  std::optional<Refusal> refusal_;
  std::vector<CheckpointCost> written_;
  bool busy_ = false;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace raven
