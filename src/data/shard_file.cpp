#include "data/shard_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int folder_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

[[noreturn]] void refuse_to_open(const fs::path& path, int error) {
  throw InputError({path.string()},
                   "this shard can't be opened (" + std::string(std::strerror(error)) + ")",
                   "check the path in the manifest and that you may read the file");
}

fs::path resolved(const fs::path& path, const fs::path& shard) {
  std::error_code error;
  fs::path real = fs::canonical(path.empty() ? "." : path, error);
  if (error) refuse_to_open(shard, error.value());
  return real;
}

/// Opens `path` where its symbolic links lead to, by one folder after the other and without
/// following any link: one that is put there meanwhile makes the call fail.
int open_within(const fs::path& path, const fs::path& folder) {
  const fs::path top = resolved(folder, path);
  const fs::path inside = resolved(path, path).lexically_relative(top);
  if (inside.empty() || *inside.begin() == "..") {
    throw InputError({path.string()},
                     "a symbolic link leads out of the manifest's folder, perhaps to a file of "
                     "yours that is no shard",
                     "copy the file there, or move the manifest to the folder of its shards");
  }
  int at = ::open(top.c_str(), folder_flags);
  for (auto part = inside.begin(); at >= 0 && part != inside.end(); ++part) {
    const bool last = std::next(part) == inside.end();
    const int next = ::openat(at, part->c_str(), last ? open_flags | O_NOFOLLOW : folder_flags);
    const int error = errno;
    ::close(at);
    errno = error;
    at = next;
  }
  return at;
}

}  // namespace

ShardFile::ShardFile(fs::path path, const std::optional<fs::path>& within)
    : path_(std::move(path)) {
  handle_ = within ? open_within(path_, *within) : ::open(path_.c_str(), open_flags);
  if (handle_ < 0) refuse_to_open(path_, errno);
  struct stat status {};
  if (::fstat(handle_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(handle_);
    refuse("a shard must be a plain file");
  }
  stamp_ = {.device = status.st_dev,
            .inode = status.st_ino,
            .size = status.st_size,
            .seconds = status.st_mtim.tv_sec,
            .nanoseconds = status.st_mtim.tv_nsec};
}

ShardFile::~ShardFile() { ::close(handle_); }

Digest ShardFile::digest() const {
  Hasher hasher;
  Bytes block(std::min<std::uint64_t>(std::uint64_t{1} << 20, size()));
  for (std::uint64_t at = 0; at < size();) {
    const std::size_t count = std::min<std::uint64_t>(block.size(), size() - at);
    read(at, std::span(block).first(count));
    hasher.add(ByteSpan(block).first(count));
    at += count;
  }
  return hasher.finish();
}

void ShardFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  expects(offset <= size() && to.size() <= size() - offset, "what is read lies in the file");
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t count =
        ::pread(handle_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      refuse("reading it failed half-way (" + std::string(std::strerror(errno)) + ")",
             "check the disk");
    }
    if (count == 0) refuse("it shrank while it was read", "wait until the file is complete");
    done += static_cast<std::size_t>(count);
  }
}

void ShardFile::refuse(const std::string& problem, const std::string& remedy) const {
  throw InputError({path_.string()}, problem, remedy);
}

}  // namespace raven
