#pragma once

#include <filesystem>
#include <string_view>

#include "raven/core/bytes.hpp"

namespace raven {

/// fsync(2), or what a test puts in its place.
using SyncCall = int (*)(int handle);
[[nodiscard]] int sync_to_disk(int handle);
/// Syncs a folder's names by `call`. Some file systems offer no such thing (EINVAL, ENOSYS,
/// EOPNOTSUPP) and keep names in their own way: that is no error.
[[nodiscard]] int sync_folder(int handle, SyncCall call = sync_to_disk);

/// A file that appears whole or not at all: written under a temporary name beside its place,
/// synced, renamed over whatever was there, and the folder synced. Without commit() nothing stays
/// behind.
///
/// A process that is killed in between leaves its temporary file, `<place>.part-<pid>`, which no
/// reader of `<place>` ever sees; is_leftover() knows it.
class NewFile {
 public:
  /// Makes the folder if it is missing. @throws InputError also when a device, a FIFO or a socket
  /// stands there: those are never replaced
  explicit NewFile(std::filesystem::path place, SyncCall sync = sync_to_disk);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// Where to write until commit().
  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }
  /// @pre whoever wrote has closed the file. @throws InputError
  void commit();

 private:
  std::filesystem::path place_;
  std::filesystem::path temporary_;
  SyncCall sync_;
  bool committed_ = false;
};

/// Where a file goes that somebody named: the end of the links that the name leads through, which
/// need not be there yet. What is there is replaced only when it is a plain file.
/// @throws InputError when it is a folder, a device, a FIFO or a socket, or the links go in a
/// circle
[[nodiscard]] std::filesystem::path output_place(const std::filesystem::path& named);

/// True for the name of a temporary file that some NewFile made.
[[nodiscard]] bool is_leftover(const std::filesystem::path& file);

/// Writes a file that way, in one piece. @throws InputError
void write_whole_file(const std::filesystem::path& place, ByteSpan bytes);
void write_whole_file(const std::filesystem::path& place, std::string_view text);

}  // namespace raven
