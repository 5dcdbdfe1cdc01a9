#include "tensor/zip_writer.hpp"

#include <array>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr std::uint16_t version_plain = 20;
constexpr std::uint16_t version_zip64 = 45;
constexpr std::uint16_t name_is_utf8 = 1U << 11U;
constexpr std::uint16_t first_of_january_1980 =
    (1U << 5U) | 1U;  // no time stamps: same bytes on any day
constexpr std::uint16_t zip64_extra = 1;

/// Row k gives the CRC of a byte followed by k zero bytes, so that eight bytes take eight look-ups
/// without waiting for one another ("slicing by 8", Kounavis and Berry 2005).
using CrcTable = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTable make_table() {
  CrcTable table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    table[0][byte] = crc;
  }
  for (std::size_t row = 1; row < table.size(); ++row) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = table[row - 1][byte];
      table[row][byte] = (before >> 8U) ^ table[0][before & 0xffU];
    }
  }
  return table;
}

constexpr CrcTable table = make_table();

}  // namespace

std::uint32_t crc32_of(ByteSpan bytes, std::uint32_t so_far) {
  std::uint32_t crc = ~so_far;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    eight ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= table[7 - i][(eight >> (8 * i)) & 0xffU];
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8U) ^ table[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xffU];
  }
  return ~crc;
}

std::uint32_t ZipWriter::field(std::uint64_t number) const {
  return large(number) ? 0xffffffffU : static_cast<std::uint32_t>(number);
}

/// The fields that a member's own header and its entry in the directory share.
void ZipWriter::put_common(ByteWriter& bytes, const Member& member, bool zip64,
                           std::uint16_t extra_bytes) const {
  bytes.put(zip64 ? version_zip64 : version_plain);
  bytes.put(name_is_utf8);
  bytes.put(std::uint16_t{0});  // stored
  bytes.put(std::uint16_t{0});  // midnight
  bytes.put(first_of_january_1980);
  bytes.put(member.crc);
  bytes.put(field(member.size));
  bytes.put(field(member.size));
  bytes.put(static_cast<std::uint16_t>(member.name.size()));
  bytes.put(extra_bytes);
}

void ZipWriter::add(const std::string& name, std::span<const ByteSpan> pieces) {
  expects(name.size() <= 0xffffU, "a name fits a zip archive");
  Member member{name, 0, 0, out_.size()};
  for (const ByteSpan piece : pieces) {
    member.crc = crc32_of(piece, member.crc);
    member.size += piece.size();
  }
  const bool zip64 = large(member.size);
  ByteWriter head;
  head.put(std::uint32_t{0x04034b50});
  put_common(head, member, zip64, zip64 ? 20 : 0);
  head.put_raw(std::as_bytes(std::span(name)));
  if (zip64) {
    head.put(zip64_extra);
    head.put(std::uint16_t{16});
    head.put(member.size);
    head.put(member.size);
  }
  out_.put(head.bytes());
  for (const ByteSpan piece : pieces) out_.put(piece);
  members_.push_back(std::move(member));
}

void ZipWriter::put_directory_entry(const Member& member) {
  ByteWriter extra;
  if (large(member.size)) {
    extra.put(member.size);
    extra.put(member.size);
  }
  if (large(member.offset)) extra.put(member.offset);
  const auto extra_size = static_cast<std::uint16_t>(extra.bytes().size());
  const bool zip64 = extra_size > 0;
  ByteWriter entry;
  entry.put(std::uint32_t{0x02014b50});
  entry.put(zip64 ? version_zip64 : version_plain);  // made by
  put_common(entry, member, zip64, static_cast<std::uint16_t>(zip64 ? extra_size + 4 : 0));
  entry.put(std::uint16_t{0});  // comment
  entry.put(std::uint16_t{0});  // disk
  entry.put(std::uint16_t{0});  // internal attributes
  entry.put(std::uint32_t{0});  // external attributes
  entry.put(field(member.offset));
  entry.put_raw(std::as_bytes(std::span(member.name)));
  if (zip64) {
    entry.put(zip64_extra);
    entry.put(extra_size);
    entry.put_raw(extra.bytes());
  }
  out_.put(entry.bytes());
}

void ZipWriter::finish() {
  const std::uint64_t begin = out_.size();
  for (const Member& member : members_) put_directory_entry(member);
  const std::uint64_t end = out_.size();
  const std::uint64_t count = members_.size();
  ByteWriter tail;
  if (count >= 0xffffU || large(begin) || large(end - begin)) {
    tail.put(std::uint32_t{0x06064b50});
    tail.put(std::uint64_t{44});  // bytes of this record that follow
    tail.put(version_zip64);
    tail.put(version_zip64);
    tail.put(std::uint32_t{0});
    tail.put(std::uint32_t{0});
    tail.put(count);
    tail.put(count);
    tail.put(end - begin);
    tail.put(begin);
    tail.put(std::uint32_t{0x07064b50});  // where that record is
    tail.put(std::uint32_t{0});
    tail.put(end);
    tail.put(std::uint32_t{1});
  }
  const auto short_count = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xffffU));
  tail.put(std::uint32_t{0x06054b50});
  tail.put(std::uint16_t{0});
  tail.put(std::uint16_t{0});
  tail.put(short_count);
  tail.put(short_count);
  tail.put(field(end - begin));
  tail.put(field(begin));
  tail.put(std::uint16_t{0});
  out_.put(tail.bytes());
}

}  // namespace raven
