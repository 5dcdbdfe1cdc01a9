#pragma once

#include <cstdint>
#include <vector>

#include "data/hdf5_messages.hpp"

namespace raven {

/// Where a chunk of a dataset lies.
struct StoredChunk {
  std::uint64_t address = hdf5_nowhere;  ///< nowhere: it was never written
  std::uint64_t bytes = 0;               ///< as stored, that is after the filters
  std::uint32_t skipped = 0;             ///< bit i: filter i was not applied
};

/// How a dataset is cut.
struct ChunkGrid {
  std::vector<std::uint64_t> dims;   ///< of the dataset
  std::vector<std::uint64_t> chunk;  ///< sides, none of them 0
  std::size_t chunk_bytes = 0;       ///< of elements, before the filters
  std::size_t chunks = 0;            ///< along all dimensions
  bool filtered = false;

  /// The first element of a chunk, counted along the last dimension first.
  [[nodiscard]] std::vector<std::uint64_t> place_of(std::size_t number) const;
};

/// All chunks of a dataset, in the grid's order; those that the index does not name are nowhere.
/// Their places are as the file says: whether it holds them is still to be checked.
/// @pre layout.kind is chunked and layout.index is none of `other`
/// @throws InputError when the index is damaged
[[nodiscard]] std::vector<StoredChunk> stored_chunks(Hdf5Input& input, const Hdf5Layout& layout,
                                                     const ChunkGrid& grid);

}  // namespace raven
