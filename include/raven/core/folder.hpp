#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raven/core/new_file.hpp"

namespace raven {

/// A file descriptor that closes itself. Empty, it is -1.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  [[nodiscard]] int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// Writes all of it at the descriptor's place. @return 0, or the errno of what the system refused
[[nodiscard]] int write_all(int handle, std::string_view text);

/// A folder that is held open, for files that nobody vouches for: they are reached through its
/// descriptor, by plain names. Links are never followed, and only plain files are opened: a link
/// leads out of the folder, and opening a FIFO may wait for ever. What is in the way is refused by
/// name, never replaced or deleted.
///
/// All calls throw InputError when the system refuses. Threads: any.
class Folder {
 public:
  /// Whether the last part of the folder's own path may be a link.
  enum class Links : std::uint8_t { follow, refuse };
  /// Whether a file may have other names (hard links), under which a change would be seen, too.
  enum class OtherNames : std::uint8_t { allowed, refused };

  explicit Folder(std::filesystem::path path, Links links = Links::follow);
  /// None when there is nothing of that path.
  [[nodiscard]] static std::optional<Folder> find(const std::filesystem::path& path,
                                                  Links links = Links::follow);
  /// Makes the folder, and those above it, if they are missing.
  [[nodiscard]] static Folder made(const std::filesystem::path& path, Links links = Links::follow);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] int handle() const { return handle_.number(); }
  /// Whatever is in it, links and folders too, in no order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Whether there is such a file. Throws when it is there and not a plain file.
  [[nodiscard]] bool has(const std::string& name) const;

  /// Opens a file. Empty when it is missing and `flags` do not say O_CREAT.
  [[nodiscard]] Descriptor open(const std::string& name, int flags,
                                OtherNames other = OtherNames::allowed,
                                unsigned rights = 0644) const;
  /// The whole text of a file; none when it is missing. Throws when it has more than `most` bytes.
  [[nodiscard]] std::optional<std::string> text(const std::string& name, std::size_t most) const;
  /// Replaces a file whole or not at all, by way of `name`.part-<pid>; synced unless `sync` is
  /// null.
  void replace(const std::string& name, std::string_view text, SyncCall sync = sync_to_disk) const;
  /// Deletes a plain file, if it is there.
  void remove(const std::string& name) const;

 private:
  Folder(std::filesystem::path path, Descriptor handle)
      : path_(std::move(path)), handle_(std::move(handle)) {}

  std::filesystem::path path_;
  Descriptor handle_;
};

/// A file of a folder that appears whole or not at all: NewFile for where names are not trusted.
class FolderPart {
 public:
  /// Makes `name`.part-<pid>, empty, in place of one that a dead process of that number left.
  FolderPart(const Folder& folder, std::string name, SyncCall sync = sync_to_disk);
  /// Without commit() nothing stays behind.
  ~FolderPart();
  FolderPart(const FolderPart&) = delete;
  FolderPart& operator=(const FolderPart&) = delete;

  /// Open for reading and writing.
  [[nodiscard]] int handle() const { return file_.number(); }
  /// Where it will be, for messages.
  [[nodiscard]] std::filesystem::path place() const { return folder_.path() / name_; }
  void commit();

 private:
  const Folder& folder_;
  std::string name_;
  std::string temporary_;
  SyncCall sync_;
  Descriptor file_;
  bool committed_ = false;
};

}  // namespace raven
