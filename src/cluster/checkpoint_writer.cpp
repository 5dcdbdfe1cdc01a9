#include "raven/cluster/checkpoint_writer.hpp"

#include <utility>

#include "raven/core/error.hpp"

namespace raven {

CheckpointWriter::CheckpointWriter(std::filesystem::path folder, int keep)
    : folder_(std::move(folder)), keep_(keep), thread_([this] { work(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::write(Checkpoint checkpoint) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_ = std::move(checkpoint);
  }
  changed_.notify_all();
}

void CheckpointWriter::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !busy_ && !waiting_; });
  if (!last_failure_.empty()) {
    throw InputError(last_failure_,
                     "make room or choose another disk, then run the same command again");
  }
}

std::string CheckpointWriter::take_complaint() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(complaint_, {});
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return waiting_ || closing_; });
    if (!waiting_) return;
    busy_ = true;
    std::string complaint;
    {
      const Checkpoint checkpoint = std::move(*waiting_);
      waiting_.reset();
      lock.unlock();
      try {
        write_checkpoint(folder_, checkpoint, keep_);
      } catch (const std::exception& error) {
        complaint = error.what();
      }
    }
    lock.lock();
    last_failure_ = complaint;
    complaint_ = std::move(complaint);
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace raven
