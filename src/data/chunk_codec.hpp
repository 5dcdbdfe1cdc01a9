#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "raven/core/bytes.hpp"

namespace raven {

/// The filters that a shard's chunks may have passed through, in the order of writing.
enum class ChunkFilter : std::uint8_t { shuffle, deflate, fletcher32 };

/// Undoes the filters of one chunk. Done here and not by HDF5, whose inflater grows its buffer for
/// as long as the stream goes on: a few kilobytes could ask for all memory. Here nothing grows
/// beyond `chunk_bytes`.
/// @param skipped bit i: filter i was not applied to this chunk
/// @param out gets exactly chunk_bytes
/// @return what is wrong; empty when the chunk is sound
[[nodiscard]] std::string decode_chunk(Bytes stored, const std::vector<ChunkFilter>& filters,
                                       std::uint32_t skipped, std::size_t element_bytes,
                                       std::size_t chunk_bytes, Bytes& out);

/// HDF5's variant of Fletcher's checksum: sums of big-endian 16-bit words modulo 65535.
[[nodiscard]] std::uint32_t fletcher32(ByteSpan bytes);

}  // namespace raven
