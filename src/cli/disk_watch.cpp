#include "cli/disk_watch.hpp"

#include "cli/figures.hpp"

namespace raven {
namespace {

double seconds(DiskWatch::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

DiskWatch::DiskWatch(Clock::duration trains_on, Hooks hooks)
    : trains_on_(trains_on), hooks_(std::move(hooks)) {}

void DiskWatch::look(const std::optional<CheckpointWriter::Refusal>& refusal,
                     Clock::time_point now) {
  if (!refusal) {
    if (reason_.empty()) return;
    reason_.clear();
    if (std::exchange(holds_, false)) hooks_.hold(false);
    hooks_.warn("the disk takes checkpoints again, after " + time_in_words(seconds(now - since_)));
    hooks_.log("disk_takes_again", {{"seconds", seconds(now - since_)}});
    return;
  }
  if (reason_.empty()) {
    since_ = refusal->since;
    hooks_.warn("a checkpoint could not be written: " + refusal->reason +
                "; it is tried again until there is room, and training goes on for " +
                time_in_words(seconds(trains_on_)) + " at most meanwhile");
    hooks_.log("disk_refuses", {{"reason", refusal->reason}});
  }
  reason_ = refusal->reason;
  if (holds_ || now - since_ < trains_on_) return;
  holds_ = true;
  hooks_.hold(true);
  hooks_.warn("training waits for the disk, so that no more is lost with this process: " + reason_ +
              "; make room there and it goes on by itself");
  hooks_.log("held", {{"reason", reason_}});
}

}  // namespace raven
