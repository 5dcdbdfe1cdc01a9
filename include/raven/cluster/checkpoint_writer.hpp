#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
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

/// Writes checkpoints on a thread of its own, so that training never waits for a disk. When they
/// come faster than the disk takes them, only the newest is kept. Threads: one caller.
class CheckpointWriter {
 public:
  CheckpointWriter(std::filesystem::path folder, int keep);
  /// Finishes what is begun or waiting.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  void write(Checkpoint checkpoint);
  /// Waits until all is written. @throws InputError when the last write failed, even if its
  /// complaint has been taken
  void finish();
  /// What went wrong with writes since the last call; empty for nothing.
  [[nodiscard]] std::string take_complaint();
  /// What was written since the last call, oldest first.
  [[nodiscard]] std::vector<CheckpointCost> take_written();

 private:
  void work();

  std::filesystem::path folder_;
  int keep_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Checkpoint> waiting_;
  std::string complaint_;
  std::string last_failure_;
  std::vector<CheckpointCost> written_;
  bool busy_ = false;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace raven
