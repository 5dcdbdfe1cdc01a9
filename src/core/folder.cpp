#include "raven/core/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr const char* disk_remedy = "check free space and permissions there";

std::string in_words(int error) { return std::strerror(error); }

const char* kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

[[noreturn]] void refuse_kind(const std::filesystem::path& file, mode_t mode) {
  throw InputError({file.string()},
                   std::string("is ") + kind_of(mode) +
                       ", where raven keeps a plain file of its own (it follows no link there, and "
                       "replaces nothing that it has not made)",
                   "move it away");
}

/// The mode of what has that name; none when nothing has.
std::optional<mode_t> mode_of(const Folder& folder, const std::string& name) {
  expects(!name.empty() && name.find('/') == std::string::npos && name != "." && name != "..",
          "the name of a file in a folder is a plain one");
  struct stat status {};
  if (::fstatat(folder.handle(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    return status.st_mode;
  }
  if (errno == ENOENT) return std::nullopt;
  throw InputError({(folder.path() / name).string()},
                   "can't be looked at (" + in_words(errno) + ")",
                   "check the rights of the folder");
}

Descriptor open_folder(const std::filesystem::path& path, Folder::Links links) {
  const int follow = links == Folder::Links::refuse ? O_NOFOLLOW : 0;
  return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow));
}

[[noreturn]] void refuse_folder(const std::filesystem::path& path, int error) {
  struct stat status {};
  const bool is_link = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
  if (is_link && (error == ELOOP || error == ENOTDIR)) {
    throw InputError(
        {path.string()},
        "is a symbolic link, where raven keeps a folder of its own (it follows no link "
        "there)",
        "move it away; the run directory itself may be a link");
  }
  throw InputError({path.string()}, "this folder can't be opened (" + in_words(error) + ")",
                   "check that it exists and that you may read it");
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

int write_all(int handle, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(handle, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

Folder::Folder(std::filesystem::path path, Links links)
    : path_(std::move(path)), handle_(open_folder(path_, links)) {
  if (!handle_) refuse_folder(path_, errno);
}

std::optional<Folder> Folder::find(const std::filesystem::path& path, Links links) {
  Descriptor handle = open_folder(path, links);
  if (handle) return Folder(path, std::move(handle));
  if (errno == ENOENT) return std::nullopt;
  refuse_folder(path, errno);
}

Folder Folder::made(const std::filesystem::path& path, Links links) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw InputError({path.string()}, "can't make this folder (" + error.message() + ")",
                     "choose a folder that you may write to");
  }
  return Folder(path, links);
}

std::vector<std::string> Folder::names() const {
  // A descriptor of its own, because a listing has a place in it.
  const int handle = ::openat(handle_.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(handle < 0 ? nullptr : ::fdopendir(handle),
                                                    ::closedir);
  if (!listing) refuse_folder(path_, errno);
  std::vector<std::string> names;
  for (errno = 0;;) {
    const dirent* entry = ::readdir(listing.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) refuse_folder(path_, errno);
  return names;
}

bool Folder::has(const std::string& name) const {
  const std::optional<mode_t> mode = mode_of(*this, name);
  if (mode && !S_ISREG(*mode)) refuse_kind(path_ / name, *mode);
  return mode.has_value();
}

Descriptor Folder::open(const std::string& name, int flags, OtherNames other,
                        unsigned rights) const {
  // Looked at first, since opening alone does something to some devices.
  if (!has(name) && (flags & O_CREAT) == 0) return {};
  Descriptor file(
      ::openat(handle(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, rights));
  if (!file) {
    if (errno == ENOENT && (flags & O_CREAT) == 0) return {};
    throw InputError({(path_ / name).string()}, "can't be opened (" + in_words(errno) + ")",
                     "check that you may read and write it, and the room on the disk");
  }
  struct stat status {};
  if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse_kind(path_ / name, status.st_mode);
  }
  if (other == OtherNames::refused && status.st_nlink > 1) {
    throw InputError({(path_ / name).string()},
                     "has another name, too (a hard link), and what is written to it would be "
                     "written to that one as well",
                     "replace it by a copy of its own");
  }
  return file;
}

std::optional<std::string> Folder::text(const std::string& name, std::size_t most) const {
  const Descriptor file = open(name, O_RDONLY);
  if (!file) return std::nullopt;
  std::string text;
  for (std::size_t room = 4096;; room *= 4) {
    const std::size_t before = text.size();
    text.resize(std::min(before + room, most + 1));
    std::size_t end = before;
    ssize_t got = 1;
    while (end < text.size() && got > 0) {
      got = ::read(file.number(), text.data() + end, text.size() - end);
      if (got < 0 && errno == EINTR)
        got = 1;
      else if (got > 0)
        end += static_cast<std::size_t>(got);
    }
    if (got < 0) {
      throw InputError({(path_ / name).string()}, "can't be read (" + in_words(errno) + ")",
                       "check the disk");
    }
    if (end > most) {
      throw InputError(
          {(path_ / name).string()},
          "has more than " + std::to_string(most) + " bytes, which raven never writes there",
          "move it away");
    }
    if (end < text.size()) {
      text.resize(end);
      return text;
    }
  }
}

void Folder::replace(const std::string& name, std::string_view text, SyncCall sync) const {
  FolderPart part(*this, name, sync);
  if (const int error = write_all(part.handle(), text); error != 0) {
    throw InputError({part.place().string()}, "writing it failed (" + in_words(error) + ")",
                     disk_remedy);
  }
  part.commit();
}

void Folder::remove(const std::string& name) const {
  if (!has(name)) return;
  if (::unlinkat(handle(), name.c_str(), 0) == 0 || errno == ENOENT) return;
  throw InputError({(path_ / name).string()}, "can't be deleted (" + in_words(errno) + ")",
                   "check the rights of the folder");
}

FolderPart::FolderPart(const Folder& folder, std::string name, SyncCall sync)
    : folder_(folder),
      name_(std::move(name)),
      temporary_(name_ + ".part-" + std::to_string(::getpid())),
      sync_(sync) {
  (void)folder_.has(name_);
  folder_.remove(temporary_);
  file_ = folder_.open(temporary_, O_RDWR | O_CREAT | O_EXCL);
}

FolderPart::~FolderPart() {
  if (!committed_) ::unlinkat(folder_.handle(), temporary_.c_str(), 0);
}

void FolderPart::commit() {
  const auto check = [this](int result, const char* what) {
    if (result == 0) return;
    throw InputError({place().string()}, std::string(what) + " failed (" + in_words(errno) + ")",
                     disk_remedy);
  };
  if (sync_ != nullptr) check(sync_(file_.number()), "syncing it");
  check(::renameat(folder_.handle(), temporary_.c_str(), folder_.handle(), name_.c_str()),
        "renaming it into place");
  committed_ = true;
  if (sync_ != nullptr) check(sync_folder(folder_.handle(), sync_), "syncing its folder");
}

}  // namespace raven
