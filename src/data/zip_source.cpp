#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "data/byte_source.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

// Structure sizes and signatures of PKWARE's APPNOTE 6.3.
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t end64_signature = 0x06064b50;
constexpr std::uint32_t locator_signature = 0x07064b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t locator_bytes = 20;
constexpr std::size_t local_bytes = 30;
constexpr std::uint64_t max_directory_bytes = std::uint64_t{16} << 20;

constexpr char remake[] = "save the archive again with numpy.savez, or get a clean copy";

/// A plain file read at any offset.
class RandomAccessFile {
 public:
  explicit RandomAccessFile(const InputFile& file)
      : name_(file.name()), handle_(std::fopen(file.path().c_str(), "rb"), std::fclose) {
    if (!handle_ || fseeko(handle_.get(), 0, SEEK_END) != 0) {
      throw InputError({name_}, "can't be opened for reading",
                       "check that it exists and that you may read it");
    }
    size_ = static_cast<std::uint64_t>(std::max<off_t>(0, ftello(handle_.get())));
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool holds(std::uint64_t at, std::uint64_t count) const {
    return at <= size_ && count <= size_ - at;
  }
  void read(std::uint64_t at, std::span<std::byte> out) const {
    if (!holds(at, out.size()) || fseeko(handle_.get(), static_cast<off_t>(at), SEEK_SET) != 0 ||
        std::fread(out.data(), 1, out.size(), handle_.get()) != out.size()) {
      refuse(at, "the archive is cut short");
    }
  }
  [[nodiscard]] Bytes read(std::uint64_t at, std::size_t count) const {
    if (!holds(at, count)) refuse(at, "the archive is cut short");
    Bytes bytes(count);
    read(at, bytes);
    return bytes;
  }
  [[noreturn]] void refuse(std::uint64_t at, const std::string& problem) const {
    throw InputError({name_}, "at byte " + std::to_string(at) + ": " + problem, remake);
  }

 private:
  std::string name_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> handle_;
  std::uint64_t size_ = 0;
};

struct Directory {
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
};

struct Member {
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0;
  std::uint64_t plain = 0;
  std::uint64_t header_at = 0;
};

Directory find_directory(const RandomAccessFile& file) {
  const std::uint64_t tail_bytes = std::min<std::uint64_t>(file.size(), end_bytes + 65535);
  const std::uint64_t tail_at = file.size() - tail_bytes;
  const Bytes tail = file.read(tail_at, static_cast<std::size_t>(tail_bytes));
  for (std::size_t i = tail.size() < end_bytes ? 0 : tail.size() - end_bytes + 1; i-- > 0;) {
    ByteReader end(ByteSpan(tail).subspan(i));
    if (end.get<std::uint32_t>() != end_signature) continue;
    (void)end.get_raw(8);  // disks and entry counts: the directory itself tells
    Directory found;
    found.bytes = end.get<std::uint32_t>();
    found.at = end.get<std::uint32_t>();
    const std::uint64_t end_at = tail_at + i;
    if ((found.at == 0xFFFFFFFFU || found.bytes == 0xFFFFFFFFU) && end_at >= locator_bytes) {
      const Bytes raw = file.read(end_at - locator_bytes, locator_bytes);
      ByteReader locator(raw);
      if (locator.get<std::uint32_t>() != locator_signature)
        file.refuse(end_at, "ZIP64 sizes are missing");
      (void)locator.get_raw(4);
      const auto end64_at = locator.get<std::uint64_t>();
      const Bytes raw64 = file.read(end64_at, 56);
      ByteReader end64(raw64);
      if (end64.get<std::uint32_t>() != end64_signature)
        file.refuse(end64_at, "ZIP64 sizes are missing");
      (void)end64.get_raw(36);
      found.bytes = end64.get<std::uint64_t>();
      found.at = end64.get<std::uint64_t>();
    }
    if (found.bytes > max_directory_bytes || !file.holds(found.at, found.bytes)) {
      file.refuse(end_at, "the archive's directory lies outside the file or is too large");
    }
    return found;
  }
  file.refuse(0, "this is no ZIP archive (its directory is missing)");
}

/// Sizes that do not fit 32 bits stand in extra field 1, in this order, each only if its short
/// field is all ones.
void read_zip64(const RandomAccessFile& file, ByteReader extra, Member& member) {
  while (extra.left() >= 4) {
    const auto id = extra.get<std::uint16_t>();
    ByteReader field(extra.get_raw(extra.get<std::uint16_t>()));
    if (id != 1) continue;
    for (std::uint64_t* value : {&member.plain, &member.packed, &member.header_at}) {
      if (*value == 0xFFFFFFFFU) *value = field.get<std::uint64_t>();
    }
    if (!field.ok()) file.refuse(member.header_at, "ZIP64 sizes are cut short");
  }
}

Member find_member(const RandomAccessFile& file, const std::string& wanted) {
  const Directory directory = find_directory(file);
  const Bytes raw = file.read(directory.at, static_cast<std::size_t>(directory.bytes));
  ByteReader in(raw);
  std::string names;
  std::optional<Member> found;
  while (in.left() > 0) {
    if (in.get<std::uint32_t>() != central_signature)
      file.refuse(directory.at, "the directory is damaged");
    Member member;
    (void)in.get_raw(4);
    member.flags = in.get<std::uint16_t>();
    member.method = in.get<std::uint16_t>();
    (void)in.get_raw(4);
    member.crc = in.get<std::uint32_t>();
    member.packed = in.get<std::uint32_t>();
    member.plain = in.get<std::uint32_t>();
    const std::size_t name_bytes = in.get<std::uint16_t>();
    const std::size_t extra_bytes = in.get<std::uint16_t>();
    const std::size_t comment_bytes = in.get<std::uint16_t>();
    (void)in.get_raw(8);
    member.header_at = in.get<std::uint32_t>();
    const ByteSpan name_raw = in.get_raw(name_bytes);
    const std::string name(reinterpret_cast<const char*>(name_raw.data()), name_raw.size());
    const ByteSpan extra = in.get_raw(extra_bytes);
    (void)in.get_raw(comment_bytes);
    if (!in.ok()) file.refuse(directory.at, "the directory is cut short");
    read_zip64(file, ByteReader(extra), member);
    if (names.size() < 200) names += (names.empty() ? "" : ", ") + name;
    if (name != wanted) continue;
    if (found) file.refuse(directory.at, "'" + wanted + "' is in the archive twice");
    found = member;
  }
  if (!found)
    file.refuse(directory.at, "there is no '" + wanted + "' in the archive, only " + names);
  return *found;
}

class ZipSource final : public ByteSource {
 public:
  ZipSource(const InputFile& file, const std::string& member_name)
      : ByteSource(file.name() + " (" + member_name + ")"),
        file_(file),
        member_(find_member(file_, member_name)) {
    if ((member_.flags & 1U) != 0)
      file_.refuse(member_.header_at, "'" + member_name + "' is encrypted");
    if (member_.method != 0 && member_.method != 8) {
      file_.refuse(member_.header_at, "'" + member_name + "' is packed by method " +
                                          std::to_string(member_.method) +
                                          "; only deflate is read");
    }
    if (member_.method == 0 && member_.packed != member_.plain) {
      file_.refuse(member_.header_at, "'" + member_name + "' has two different sizes");
    }
    const Bytes raw = file_.read(member_.header_at, local_bytes);
    ByteReader local(raw);
    if (local.get<std::uint32_t>() != local_signature)
      file_.refuse(member_.header_at, "a member's header is damaged");
    (void)local.get_raw(22);
    const std::uint64_t skip =
        std::uint64_t{local.get<std::uint16_t>()} + local.get<std::uint16_t>();
    next_ = member_.header_at + local_bytes + skip;
    if (!file_.holds(next_, member_.packed))
      file_.refuse(next_, "'" + member_name + "' reaches beyond the file");
    left_ = member_.packed;
    // Negative window bits: a raw deflate stream without zlib's header.
    if (member_.method == 8 && inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~ZipSource() override {
    if (member_.method == 8) inflateEnd(&stream_);
  }
  ZipSource(const ZipSource&) = delete;
  ZipSource& operator=(const ZipSource&) = delete;

  std::size_t read(std::span<std::byte> out) override {
    const std::size_t got = member_.method == 0 ? read_stored(out) : read_deflated(out);
    offset_ += got;
    if (offset_ > member_.plain) refuse("there is more data than the archive says", remake);
    crc_ =
        static_cast<std::uint32_t>(crc32_z(crc_, reinterpret_cast<const Bytef*>(out.data()), got));
    if (got < out.size()) check_end();
    return got;
  }

  [[nodiscard]] std::uint64_t stored_offset() const override { return next_; }

 private:
  void check_end() const {
    if (offset_ != member_.plain) refuse("the data ends before the archive says", remake);
    if (crc_ != member_.crc) refuse("the checksum (CRC-32) does not match", "get a clean copy");
  }

  std::size_t read_stored(std::span<std::byte> out) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    file_.read(next_, out.first(count));
    next_ += count;
    left_ -= count;
    return count;
  }

  std::size_t read_deflated(std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size() && !ended_) {
      if (stream_.avail_in == 0 && left_ > 0) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(packed_.size(), left_));
        file_.read(next_, std::span(packed_).first(count));
        next_ += count;
        left_ -= count;
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        stream_.avail_in = static_cast<uInt>(count);
      }
      const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - done, 1U << 30));
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + done);
      stream_.avail_out = room;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      ended_ = result == Z_STREAM_END;
      if (result != Z_OK && !ended_)
        refuse("the compressed data is damaged or cut short", "get a clean copy");
    }
    return done;
  }

  RandomAccessFile file_;
  Member member_;
  std::uint64_t next_ = 0;  // where the next packed byte lies
  std::uint64_t left_ = 0;  // packed bytes not yet taken
  std::array<std::byte, 1U << 16> packed_{};
  z_stream stream_{};
  bool ended_ = false;
  std::uint32_t crc_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> open_zip_source(const InputFile& file, const std::string& name) {
  return std::make_unique<ZipSource>(file, name);
}

}  // namespace raven
