#include "simulate/disk.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <utility>

#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven::simulated {
namespace {

namespace fs = std::filesystem;

constexpr int keep = 3;

/// While it lives, files of this process end at so many bytes: the write that crosses the end comes
/// back short, the next one fails, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = before_;
    limit.rlim_cur = std::min<rlim_t>(before_.rlim_max, bytes);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

int fail_to_sync_files(int handle) {
  struct stat status {};
  if (::fstat(handle, &status) == 0 && S_ISDIR(status.st_mode)) return sync_to_disk(handle);
  errno = EIO;
  return -1;
}

int fail_to_sync_folders(int handle) {
  struct stat status {};
  if (::fstat(handle, &status) == 0 && !S_ISDIR(status.st_mode)) return sync_to_disk(handle);
  errno = EIO;
  return -1;
}

/// The one with the highest step; its name sorts last.
std::optional<fs::path> newest_file(const fs::path& folder) {
  std::optional<fs::path> newest;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".h5" && (!newest || entry.path() > *newest))
      newest = entry.path();
  }
  return newest;
}

}  // namespace

Disk::Disk(World& world, fs::path folder) : world_(world), folder_(std::move(folder)) {
  fs::remove_all(folder_);
  fs::create_directories(folder_);
}

void Disk::write(Checkpoint checkpoint) {
  if (writing_) {
    waiting_ = std::move(checkpoint);
  } else {
    begin(std::move(checkpoint));
  }
}

void Disk::begin(Checkpoint checkpoint) {
  writing_ = std::move(checkpoint);
  world_.agenda.after(world_.time_between(2e-3, 0.3), [this, writer = writers_] {
    if (writer != writers_ || !writing_) return;
    write_now(*writing_);
    writing_.reset();
    if (waiting_) begin(std::move(*std::exchange(waiting_, std::nullopt)));
  });
}

bool Disk::finish() {
  bool good = true;
  if (writing_) good = write_now(*writing_);
  if (waiting_) good = write_now(*waiting_);
  writing_.reset();
  waiting_.reset();
  ++writers_;
  return good;
}

bool Disk::write_now(const Checkpoint& checkpoint) {
  const std::optional<FaultKind> fault = std::exchange(armed_, std::nullopt);
  try {
    std::optional<FileSizeLimit> limit;
    SyncCall sync = sync_to_disk;
    if (fault == FaultKind::no_space) limit.emplace(0);
    if (fault == FaultKind::short_write) {
      limit.emplace(1 + world_.random.below(static_cast<std::uint32_t>(usual_bytes_)));
    }
    if (fault == FaultKind::failed_sync) {
      sync = world_.chance(0.5) ? fail_to_sync_files : fail_to_sync_folders;
    }
    write_checkpoint(folder_, checkpoint, keep, sync);
  } catch (const InputError& error) {
    world_.note([&] {
      return "disk: the checkpoint of step " + std::to_string(checkpoint.step) +
             " could not be written: " + error.problem();
    });
    return false;
  }
  world_.note([&] {
    return "disk: the checkpoint of step " + std::to_string(checkpoint.step) + " is written";
  });
  if (const auto file = newest_file(folder_)) usual_bytes_ = fs::file_size(*file);
  return true;
}

void Disk::writer_dies() {
  if (writing_ && world_.chance(0.5)) {
    // It was in the middle of the file. No process has the number 0.
    std::ofstream(folder_ / "step-0000000000.h5.part-0") << "half a checkpoint";
  }
  writing_.reset();
  waiting_.reset();
  ++writers_;
}

std::optional<Checkpoint> Disk::newest() {
  try {
    auto loaded = newest_checkpoint(folder_);
    if (!loaded) return std::nullopt;
    for (const SkippedCheckpoint& skipped : loaded->skipped) {
      world_.note([&] {
        return "disk: passed over " + skipped.file.filename().string() + ": " + skipped.reason;
      });
    }
    return std::move(loaded->checkpoint);
  } catch (const InputError&) {
    world_.note([] { return std::string("disk: no checkpoint can be read, the run begins anew"); });
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    return std::nullopt;
  }
}

bool Disk::arm(FaultKind kind) {
  if (kind != FaultKind::short_write && kind != FaultKind::no_space &&
      kind != FaultKind::failed_sync) {
    return false;
  }
  armed_ = kind;
  return true;
}

bool Disk::damage_newest() {
  const auto file = newest_file(folder_);
  if (!file) return false;
  const auto place = world_.random.below(static_cast<std::uint32_t>(fs::file_size(*file)));
  if (world_.chance(0.5)) {
    fs::resize_file(*file, place);
    return true;
  }
  std::fstream bytes(*file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(place);
  const int byte = bytes.get();
  bytes.seekp(place);
  bytes.put(static_cast<char>(byte ^ (1 << world_.random.below(8))));
  return true;
}

}  // namespace raven::simulated
