#include "raven/cluster/checkpoint_writer.hpp"

#include <chrono>
#include <ctime>
#include <utility>

#include "raven/core/error.hpp"

namespace raven {
namespace {

double cpu_seconds_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

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

std::vector<CheckpointCost> CheckpointWriter::take_written() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(written_, {});
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return waiting_ || closing_; });
    if (!waiting_) return;
    busy_ = true;
    std::string complaint;
    CheckpointCost cost;
    {
      const Checkpoint checkpoint = std::move(*waiting_);
      waiting_.reset();
      lock.unlock();
      const auto began = std::chrono::steady_clock::now();
      const double cpu_before = cpu_seconds_of_this_thread();
      try {
        write_checkpoint(folder_, checkpoint, keep_);
      } catch (const std::exception& error) {
        complaint = error.what();
      }
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
      cost = {checkpoint.step, taken.count(), cpu_seconds_of_this_thread() - cpu_before};
    }
    lock.lock();
    if (complaint.empty()) written_.push_back(cost);
    last_failure_ = complaint;
    complaint_ = std::move(complaint);
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace raven
