#include "raven/cluster/checkpoint_writer.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace raven {
namespace {

double cpu_seconds_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

CheckpointWriter::CheckpointWriter(std::filesystem::path folder, int keep,
                                   std::function<void()> before, CheckpointPatience patience)
    : folder_(std::move(folder)),
      keep_(keep),
      before_(std::move(before)),
      patience_(patience),
      thread_([this] { work(); }) {}

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

bool CheckpointWriter::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return !busy_ && !waiting_; });
}

std::optional<CheckpointWriter::Refusal> CheckpointWriter::refusal() {
  const std::scoped_lock lock(mutex_);
  return refusal_;
}

std::vector<CheckpointCost> CheckpointWriter::take_written() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(written_, {});
}

std::string CheckpointWriter::attempt(const Checkpoint& checkpoint, CheckpointCost& cost) {
  const auto began = Clock::now();
  const double cpu_before = cpu_seconds_of_this_thread();
  try {
    if (before_) before_();
    write_checkpoint(folder_, checkpoint, keep_);
  } catch (const std::exception& error) {
    return error.what();
  }
  const std::chrono::duration<double> taken = Clock::now() - began;
  cost = {checkpoint.step, taken.count(), cpu_seconds_of_this_thread() - cpu_before};
  return {};
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  std::chrono::milliseconds pause{0};
  for (;;) {
    changed_.wait(lock, [&] { return waiting_ || closing_; });
    // A newer one does not make room: it waits for its turn like the one before.
    const auto turn = Clock::now() + pause;
    while (!closing_ && changed_.wait_until(lock, turn) != std::cv_status::timeout) {
    }
    if (!waiting_ || (closing_ && refusal_)) return;
    busy_ = true;
    std::optional<Checkpoint> checkpoint = std::exchange(waiting_, std::nullopt);
    lock.unlock();
    CheckpointCost cost;
    const std::string reason = attempt(*checkpoint, cost);
    lock.lock();
    if (reason.empty()) {
      written_.push_back(cost);
      refusal_.reset();
      pause = {};
    } else {
      refusal_ = Refusal{reason, refusal_ ? refusal_->since : Clock::now()};
      if (!waiting_) waiting_ = std::move(checkpoint);
      pause = std::clamp(2 * pause, patience_.first, patience_.most);
    }
    // Handles to tensors go before anybody is told: a pool takes its buffers back.
    checkpoint.reset();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace raven
