#pragma once

#include <filesystem>

#include "data/chunk_codec.hpp"
#include "data/hdf5_handle.hpp"
#include "data/shard_format.hpp"

namespace raven {

/// A dataset of a shard that passed every check, open to be read.
struct CheckedArray {
  Hdf5Handle dataset;
  std::vector<hsize_t> chunk;  ///< empty: contiguous or compact
  std::vector<ChunkFilter> filters;
};

/// Opens a dataset and refuses it unless it is the plain one that `wanted` says: type, sizes,
/// storage inside this file, only known filters, all rows present. Takes no memory for rows. Only
/// under Hdf5Lock. @throws InputError
[[nodiscard]] CheckedArray check_array(const std::filesystem::path& path, hid_t file,
                                       const ShardArray& wanted, std::uintmax_t file_bytes);

/// Reads wanted.bytes() bytes to `out`. Only under Hdf5Lock. @throws InputError
void read_array(const std::filesystem::path& path, const CheckedArray& array,
                const ShardArray& wanted, std::byte* out);

}  // namespace raven
