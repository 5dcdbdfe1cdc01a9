#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "raven/core/bytes.hpp"
#include "raven/core/new_file.hpp"

namespace raven {

/// Bytes one after the other into a file that appears whole or not at all.
class FileWriter {
 public:
  /// @throws InputError
  explicit FileWriter(const std::filesystem::path& place);

  /// @throws InputError when the disk refuses
  void put(ByteSpan bytes);
  /// Writes over bytes that were put before. @pre offset + bytes.size() <= size()
  /// @throws InputError when the disk refuses
  void put_at(std::uint64_t offset, ByteSpan bytes);
  /// Bytes so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Closes the file and puts it in place. @throws InputError
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path place_;
  NewFile file_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out_;
  std::uint64_t size_ = 0;
};

}  // namespace raven
