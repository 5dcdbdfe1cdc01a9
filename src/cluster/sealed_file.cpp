#include "cluster/sealed_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "raven/core/error.hpp"

namespace raven::checkpoint_format {
namespace {

/// Not every file system can be told; but an error that it reports once it does not report again.
bool failed(int result) {
  return result != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT);
}

constexpr const char* disk_remedy = "check free space and permissions there";

}  // namespace

SealedFile::SealedFile(std::filesystem::path path)
    : path_(std::move(path)),
      own_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
      handle_(own_.number()) {
  if (handle_ < 0) {
    refuse("this checkpoint can't be opened (" + std::string(std::strerror(errno)) + ")",
           "check that it exists and that you may read it");
  }
  take_size();
}

SealedFile::SealedFile(std::filesystem::path path, int file)
    : path_(std::move(path)), handle_(file) {
  take_size();
}

void SealedFile::take_size() {
  struct stat status {};
  if (::fstat(handle_, &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse("a checkpoint must be a plain file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

std::size_t SealedFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t count =
        ::pread(handle_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      refuse("reading it failed half-way (" + std::string(std::strerror(errno)) + ")",
             "check the disk");
    }
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void SealedFile::write(std::uint64_t offset, ByteSpan bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::pwrite(handle_, bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      refuse("writing it failed (" + std::string(std::strerror(errno)) + ")", disk_remedy);
    }
    done += static_cast<std::size_t>(count);
  }
}

void SealedFile::begin_writeback(std::uint64_t offset, std::uint64_t bytes) const {
  if (failed(::sync_file_range(handle_, static_cast<off64_t>(offset), static_cast<off64_t>(bytes),
                               SYNC_FILE_RANGE_WRITE))) {
    refuse("writing it failed (" + std::string(std::strerror(errno)) + ")", disk_remedy);
  }
}

void SealedFile::finish_writeback(std::uint64_t offset, std::uint64_t bytes) const {
  if (failed(::sync_file_range(
          handle_, static_cast<off64_t>(offset), static_cast<off64_t>(bytes),
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER))) {
    refuse("writing it failed (" + std::string(std::strerror(errno)) + ")", disk_remedy);
  }
  ::posix_fadvise(handle_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  POSIX_FADV_DONTNEED);
}

void StreamedWrites::write(std::uint64_t offset, ByteSpan bytes) {
  file_.write(offset, bytes);
  if (next_.bytes == 0) next_.offset = offset;
  next_.bytes = offset + bytes.size() - next_.offset;
  if (next_.bytes < stretch_bytes) return;
  file_.begin_writeback(next_.offset, next_.bytes);
  if (last_.bytes > 0) file_.finish_writeback(last_.offset, last_.bytes);
  last_ = std::exchange(next_, {});
}

void SealedFile::refuse(const std::string& problem, const std::string& remedy) const {
  throw InputError({path_.string()}, problem, remedy);
}

}  // namespace raven::checkpoint_format
