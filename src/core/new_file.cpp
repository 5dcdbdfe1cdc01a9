#include "raven/core/new_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::string_view mark = ".part-";

[[noreturn]] void fail(const std::filesystem::path& file, const char* what) {
  throw InputError({file.string()}, std::string(what) + " failed (" + std::strerror(errno) + ")",
                   "check free space and permissions there");
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

void sync(const std::filesystem::path& path, int flags, SyncCall call) {
  const int handle = ::open(path.c_str(), flags | O_CLOEXEC);
  if (handle < 0) fail(path, "opening it to sync");
  const int result = (flags & O_DIRECTORY) != 0 ? sync_folder(handle, call) : call(handle);
  const int error = errno;
  ::close(handle);
  errno = error;
  if (result != 0) fail(path, "syncing it");
}

/// What stands at a path and is neither a plain file nor a link; nullptr when nothing is wrong.
const char* special_kind(std::filesystem::file_type type) {
  switch (type) {
    case std::filesystem::file_type::block:
    case std::filesystem::file_type::character:
      return "a device";
    case std::filesystem::file_type::fifo:
      return "a FIFO or pipe";
    case std::filesystem::file_type::socket:
      return "a socket";
    default:
      return nullptr;
  }
}

void refuse_special(const std::filesystem::path& named, std::filesystem::file_type type) {
  if (const char* kind = special_kind(type)) {
    throw InputError({named.string()},
                     std::string("is ") + kind + ", and a whole file can't take its place",
                     "name a plain file, or one that is not there yet");
  }
}

}  // namespace

int sync_to_disk(int handle) { return ::fsync(handle); }

int sync_folder(int handle, SyncCall call) {
  if (call(handle) == 0) return 0;
  return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
}

NewFile::NewFile(std::filesystem::path place, SyncCall sync_call)
    : place_(std::move(place)), sync_(sync_call) {
  std::error_code error;
  std::filesystem::create_directories(folder_of(place_), error);
  if (error) {
    throw InputError({folder_of(place_).string()},
                     "can't make this folder (" + error.message() + ")",
                     "choose a folder that you may write to");
  }
  refuse_special(place_, std::filesystem::symlink_status(place_, error).type());
  temporary_ = place_;
  temporary_ += std::string(mark) + std::to_string(::getpid());
}

NewFile::~NewFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void NewFile::commit() {
  sync(temporary_, O_RDONLY, sync_);
  if (std::rename(temporary_.c_str(), place_.c_str()) != 0) fail(place_, "renaming it into place");
  committed_ = true;
  sync(folder_of(place_), O_RDONLY | O_DIRECTORY, sync_);
}

std::filesystem::path output_place(const std::filesystem::path& named) {
  namespace fs = std::filesystem;
  constexpr int most_links = 40;  // as Linux follows
  fs::path place = named;
  for (int i = 0; i < most_links; ++i) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(place, error);
    if (status.type() != fs::file_type::symlink) {
      // Names in /proc/self/fd lead to pipes by links that name no place.
      refuse_special(named, fs::status(named, error).type());
      if (status.type() == fs::file_type::directory) {
        throw InputError({named.string()}, "is a folder, not a file to write", "name a file in it");
      }
      return place;
    }
    const fs::path target = fs::read_symlink(place, error);
    if (error) break;
    place = target.is_absolute() ? target : place.parent_path() / target;
  }
  throw InputError({named.string()}, "is a link that leads nowhere (in a circle, or too far)",
                   "name the file itself");
}

bool is_leftover(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  const std::size_t at = name.rfind(mark);
  if (at == std::string::npos || at == 0 || at + mark.size() == name.size()) return false;
  return name.find_first_not_of("0123456789", at + mark.size()) == std::string::npos;
}

void write_whole_file(const std::filesystem::path& place, ByteSpan bytes) {
  NewFile file(place);
  {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{std::fopen(file.temporary().c_str(), "wb"),
                                                        std::fclose};
    if (!out) fail(place, "creating it");
    if (std::fwrite(bytes.data(), 1, bytes.size(), out.get()) != bytes.size() ||
        std::fclose(out.release()) != 0) {
      fail(place, "writing it");
    }
  }
  file.commit();
}

void write_whole_file(const std::filesystem::path& place, std::string_view text) {
  write_whole_file(place, std::as_bytes(std::span(text)));
}

}  // namespace raven
