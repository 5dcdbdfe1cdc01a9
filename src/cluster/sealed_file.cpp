#include "cluster/sealed_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "raven/core/error.hpp"

namespace raven::checkpoint_format {

SealedFile::SealedFile(std::filesystem::path path, int flags)
    : path_(std::move(path)), handle_(::open(path_.c_str(), flags | O_CLOEXEC | O_NONBLOCK)) {
  if (handle_ < 0) {
    refuse("this checkpoint can't be opened (" + std::string(std::strerror(errno)) + ")",
           "check that it exists and that you may read it");
  }
  struct stat status {};
  if (::fstat(handle_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(handle_);
    refuse("a checkpoint must be a plain file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

SealedFile::~SealedFile() { ::close(handle_); }

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
      refuse("writing it failed (" + std::string(std::strerror(errno)) + ")",
             "check free space and permissions there");
    }
    done += static_cast<std::size_t>(count);
  }
}

void SealedFile::refuse(const std::string& problem, const std::string& remedy) const {
  throw InputError({path_.string()}, problem, remedy);
}

}  // namespace raven::checkpoint_format
