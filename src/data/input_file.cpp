#include "data/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "raven/core/error.hpp"

namespace raven {
namespace {

/// Closes a file descriptor at the end of its scope.
struct OpenFile {
  int handle;
  explicit OpenFile(int opened) : handle(opened) {}
  ~OpenFile() {
    if (handle >= 0) ::close(handle);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
};

/// Why a file of this kind can't be imported; empty when it can.
std::string flaw_of(mode_t mode) {
  if (S_ISDIR(mode)) return "is a folder, not a file";
  if (S_ISSOCK(mode)) return "is a socket, which can't be opened as a file";
  if (S_ISCHR(mode)) return "is a terminal or another device, not a file";
  if (S_ISBLK(mode)) return "is a disk or another device, not a file";
  return {};
}

[[noreturn]] void copy_failed(const std::string& name, const std::string& what) {
  throw InputError(
      {name}, "can be read only once, and copying it to a temporary file failed (" + what + ")",
      "save it to a file and give that, or set TMPDIR to a folder with room");
}

/// A file without a name in the temporary folder.
int temporary_file(const std::string& name) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) copy_failed(name, "TMPDIR: " + error.message());
  const std::string text = (folder / "raven-input-XXXXXX").string();
  std::vector<char> pattern(text.begin(), text.end());
  pattern.push_back('\0');
  const int handle = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (handle < 0) copy_failed(name, folder.string() + ": " + std::strerror(errno));
  ::unlink(pattern.data());
  return handle;
}

void write_all(int handle, const std::byte* bytes, std::size_t count, const std::string& name) {
  while (count > 0) {
    const ssize_t wrote = ::write(handle, bytes, count);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) copy_failed(name, std::strerror(errno));
    bytes += wrote;
    count -= static_cast<std::size_t>(wrote);
  }
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& file, std::uint64_t most)
    : name_(file.string()), path_(file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) {
    throw InputError({name_},
                     std::string("can't be opened for reading (") + std::strerror(errno) + ")",
                     "check that it exists and that you may read it");
  }
  if (const std::string flaw = flaw_of(found.st_mode); !flaw.empty()) {
    throw InputError({name_}, flaw, "give a file, or a pipe that data come out of");
  }
  if (S_ISFIFO(found.st_mode)) copy(most);
}

InputFile::~InputFile() {
  if (copy_ >= 0) ::close(copy_);
}

void InputFile::copy(std::uint64_t most) {
  const OpenFile from(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.handle < 0) {
    throw InputError({name_},
                     std::string("can't be opened for reading (") + std::strerror(errno) + ")",
                     "check that you may read it");
  }
  OpenFile to(temporary_file(name_));
  std::vector<std::byte> block(std::size_t{1} << 18);
  std::uint64_t copied = 0;
  for (;;) {
    const ssize_t got = ::read(from.handle, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) copy_failed(name_, std::strerror(errno));
    if (got == 0) break;
    copied += static_cast<std::uint64_t>(got);
    if (copied > most) copy_failed(name_, "it is longer than " + std::to_string(most) + " bytes");
    write_all(to.handle, block.data(), static_cast<std::size_t>(got), name_);
  }
  copy_ = std::exchange(to.handle, -1);
  // Opening this opens the file anew, with a position of its own.
  path_ = "/proc/self/fd/" + std::to_string(copy_);
}

std::uint64_t InputFile::bytes() const {
  std::error_code error;
  const auto size = std::filesystem::file_size(path_, error);
  return error ? 0 : size;
}

}  // namespace raven
