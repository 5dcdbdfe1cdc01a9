#pragma once

#include "data/chunk_codec.hpp"
#include "data/hdf5_chunks.hpp"
#include "data/shard_format.hpp"

namespace raven {

/// A dataset of a shard that passed every check and can be read.
struct CheckedArray {
  Hdf5Layout layout;
  std::vector<ChunkFilter> filters{};
  ChunkGrid grid{};                   ///< chunked only, as are the next
  std::vector<StoredChunk> chunks{};  ///< all there, of sizes that make sense
};

/// Judges a dataset and refuses it unless it is the plain one that `wanted` says: type, sizes,
/// storage inside this file, only known filters, all rows present. Takes no memory for rows.
/// @param object the messages of its header @throws InputError
[[nodiscard]] CheckedArray check_array(Hdf5Input& input, const std::vector<Hdf5Message>& object,
                                       const ShardArray& wanted);

/// Reads wanted.bytes() bytes to `out`. @throws InputError
void read_array(const Hdf5Input& input, const CheckedArray& array, const ShardArray& wanted,
                std::byte* out);

}  // namespace raven
