#include "data/chunk_codec.hpp"

#include <zlib.h>

#include <cstring>

namespace raven {
namespace {

std::uint32_t folded(std::uint32_t sum) { return (sum & 0xFFFFU) + (sum >> 16); }

/// Fills `out` or fails; a stream that would give more than out.size() bytes fails as one that
/// gives fewer does.
bool inflate_exactly(ByteSpan stored, Bytes& out) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(stored.data()));
  stream.avail_in = static_cast<uInt>(stored.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

/// The shuffle filter stores all first bytes of the elements, then all second bytes, and so on.
Bytes unshuffled(const Bytes& in, std::size_t element_bytes) {
  Bytes out(in.size());
  const std::size_t count = in.size() / element_bytes;
  for (std::size_t b = 0; b < element_bytes; ++b) {
    for (std::size_t i = 0; i < count; ++i) out[i * element_bytes + b] = in[b * count + i];
  }
  const std::size_t whole = count * element_bytes;
  if (whole < in.size()) std::memcpy(out.data() + whole, in.data() + whole, in.size() - whole);
  return out;
}

bool drop_checksum(Bytes& bytes) {
  if (bytes.size() < 4) return false;
  std::uint32_t told = 0;
  std::memcpy(&told, bytes.data() + bytes.size() - 4, 4);
  bytes.resize(bytes.size() - 4);
  return told == fletcher32(bytes);
}

}  // namespace

std::uint32_t fletcher32(ByteSpan bytes) {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    std::uint32_t word = std::to_integer<std::uint32_t>(bytes[i]) << 8;
    if (i + 1 < bytes.size()) word |= std::to_integer<std::uint32_t>(bytes[i + 1]);
    first = folded(first + word);
    second = folded(second + first);
  }
  return second << 16 | first;
}

std::string decode_chunk(Bytes stored, const std::vector<ChunkFilter>& filters,
                         std::uint32_t skipped, std::size_t element_bytes, std::size_t chunk_bytes,
                         Bytes& out) {
  // A checksum after the compression covers compressed bytes, one before it is compressed with the
  // data.
  for (std::size_t i = filters.size(); i-- > 0;) {
    if ((skipped >> i & 1U) != 0) continue;
    switch (filters[i]) {
      case ChunkFilter::fletcher32:
        if (!drop_checksum(stored)) return "a checksum does not match";
        break;
      case ChunkFilter::deflate: {
        std::size_t length = chunk_bytes;
        for (std::size_t before = 0; before < i; ++before) {
          if (filters[before] == ChunkFilter::fletcher32 && (skipped >> before & 1U) == 0)
            length += 4;
        }
        Bytes inflated(length);
        if (!inflate_exactly(stored, inflated))
          return "compressed data is damaged or of the wrong length";
        stored = std::move(inflated);
        break;
      }
      case ChunkFilter::shuffle:
        stored = unshuffled(stored, element_bytes);
        break;
    }
  }
  if (stored.size() != chunk_bytes) return "a chunk has the wrong length";
  out = std::move(stored);
  return {};
}

}  // namespace raven
