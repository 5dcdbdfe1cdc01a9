#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "raven/core/bytes.hpp"
#include "raven/core/digest.hpp"
#include "raven/data/shard.hpp"

namespace raven {

/// The file of a shard, found and opened once: what is hashed, judged and read is one and the same
/// file, whatever happens to its name meanwhile.
///
/// Threads: any may read. @throws InputError from every call
class ShardFile {
 public:
  /// Opens a plain file. A FIFO or device is refused without waiting for it.
  /// @param within the folder that it must not leave, not even by a symbolic link; none: any place
  ShardFile(std::filesystem::path path, const std::optional<std::filesystem::path>& within);
  ~ShardFile();
  ShardFile(const ShardFile&) = delete;
  ShardFile& operator=(const ShardFile&) = delete;

  /// Bytes in the file when it was opened.
  [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(stamp_.size); }
  [[nodiscard]] const FileStamp& stamp() const { return stamp_; }
  /// The SHA-256 of the whole file.
  [[nodiscard]] Digest digest() const;
  /// Fills `to` with the bytes from `offset` on. @pre the file had them when it was opened
  void read(std::uint64_t offset, std::span<std::byte> to) const;

  /// What to try with a shard that is broken.
  static constexpr const char* remake =
      "make the shard again, for instance with raven data import, or get a clean copy";
  [[noreturn]] void refuse(const std::string& problem, const std::string& remedy = remake) const;

 private:
  std::filesystem::path path_;
  int handle_ = -1;
  FileStamp stamp_;
};

}  // namespace raven
