#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/file_writer.hpp"

namespace raven {

/// A zip archive of stored (not compressed) members, as PKWARE's APPNOTE 6.3 describes it.
class ZipWriter {
 public:
  /// @param limit where 32-bit fields end and ZIP64 begins; tests lower it
  explicit ZipWriter(FileWriter& out, std::uint64_t limit = 0xffffffffU)
      : out_(out), limit_(limit) {}

  /// A member made of several pieces, in order. @pre name has at most 65535 bytes of UTF-8
  void add(const std::string& name, std::span<const ByteSpan> pieces);
  /// Writes the directory; nothing may be added after it.
  void finish();

 private:
  struct Member {
    std::string name;
    std::uint32_t crc = 0;
    std::uint64_t size = 0;
    std::uint64_t offset = 0;
  };
  [[nodiscard]] bool large(std::uint64_t number) const { return number >= limit_; }
  [[nodiscard]] std::uint32_t field(std::uint64_t number) const;
  void put_common(ByteWriter& bytes, const Member& member, bool zip64,
                  std::uint16_t extra_bytes) const;
  void put_directory_entry(const Member& member);

  FileWriter& out_;
  std::uint64_t limit_;
  std::vector<Member> members_;
};

/// CRC-32 as in zip and PNG (reflected polynomial 0xedb88320).
/// @param so_far the CRC of the bytes before
[[nodiscard]] std::uint32_t crc32_of(ByteSpan bytes, std::uint32_t so_far = 0);

}  // namespace raven
