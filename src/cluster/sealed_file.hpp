#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "raven/core/bytes.hpp"

namespace raven::checkpoint_format {

/// A plain file that is open. @throws InputError from every call
class SealedFile {
 public:
  SealedFile(std::filesystem::path path, int flags);
  ~SealedFile();
  SealedFile(const SealedFile&) = delete;
  SealedFile& operator=(const SealedFile&) = delete;

  /// Bytes in the file when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Reads to.size() bytes from `offset` on; fewer only where the file ends. @return bytes read
  std::size_t read(std::uint64_t offset, std::span<std::byte> to) const;
  void write(std::uint64_t offset, ByteSpan bytes) const;
  [[noreturn]] void refuse(
      const std::string& problem,
      const std::string& remedy = "use another checkpoint or a clean copy") const;

 private:
  std::filesystem::path path_;
  int handle_;
  std::uint64_t size_ = 0;
};

}  // namespace raven::checkpoint_format
