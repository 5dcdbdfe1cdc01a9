#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "raven/core/bytes.hpp"
#include "raven/core/folder.hpp"

namespace raven::checkpoint_format {

/// A plain file that is open. @throws InputError from every call
class SealedFile {
 public:
  /// Opens a file that somebody named; it may be a link to one.
  explicit SealedFile(std::filesystem::path path);
  /// @param path for messages  @param file open, and closed by whoever opened it
  SealedFile(std::filesystem::path path, int file);
  SealedFile(const SealedFile&) = delete;
  SealedFile& operator=(const SealedFile&) = delete;

  /// Bytes in the file when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Reads to.size() bytes from `offset` on; fewer only where the file ends. @return bytes read
  std::size_t read(std::uint64_t offset, std::span<std::byte> to) const;
  void write(std::uint64_t offset, ByteSpan bytes) const;
  /// Has the disk begin to take in what was written there.
  void begin_writeback(std::uint64_t offset, std::uint64_t bytes) const;
  /// Waits until the disk has taken it in, and gives its pages of the system's cache free.
  void finish_writeback(std::uint64_t offset, std::uint64_t bytes) const;
  [[noreturn]] void refuse(
      const std::string& problem,
      const std::string& remedy = "use another checkpoint or a clean copy") const;

 private:
  void take_size();

  std::filesystem::path path_;
  Descriptor own_;
  int handle_;
  std::uint64_t size_ = 0;
};

/// Writes from the front to the back, and has the system cache no more than two stretches of it:
/// nobody reads a checkpoint soon, whereas shards are read all the time.
class StreamedWrites {
 public:
  static constexpr std::uint64_t stretch_bytes = std::uint64_t{8} << 20;

  explicit StreamedWrites(const SealedFile& file) : file_(file) {}
  void write(std::uint64_t offset, ByteSpan bytes);

 private:
  struct Stretch {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  const SealedFile& file_;
  Stretch last_;  ///< on its way to the disk
  Stretch next_;
};

}  // namespace raven::checkpoint_format
