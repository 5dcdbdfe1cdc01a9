#include "data/shard_array.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::size_t max_chunk_bytes = std::size_t{64} << 20;
constexpr std::size_t max_chunks = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::filesystem::path& path, const ShardArray& wanted,
                         const std::string& problem, const std::string& remedy) {
  throw InputError({path.string()}, "dataset '" + std::string(wanted.name) + "': " + problem,
                   remedy);
}

constexpr char rewrite[] = "write it as docs/formats/shard.md shows";

std::string text_of(const std::vector<hsize_t>& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

void check_type(const std::filesystem::path& path, hid_t dataset, const ShardArray& wanted) {
  Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  if (!type) refuse(path, wanted, "its type can't be read", rewrite);
  if (H5Tcommitted(type.id()) != 0) {
    refuse(path, wanted, "it has a named (committed) type; only plain types are read", rewrite);
  }
  if (H5Tequal(type.id(), wanted.file_type) <= 0) {
    const char* name = wanted.element_bytes == 1   ? "unsigned 8-bit integers"
                       : wanted.element_bytes == 8 ? "little-endian 64-bit integers"
                       : H5Tequal(wanted.file_type, H5T_STD_I32LE) > 0
                           ? "little-endian 32-bit integers"
                           : "little-endian 32-bit floats";
    refuse(path, wanted, std::string("its elements are not ") + name + " as the manifest says",
           "correct the type in the manifest, or write the shard again");
  }
}

void check_shape(const std::filesystem::path& path, hid_t dataset, const ShardArray& wanted) {
  Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  if (!space || H5Sget_simple_extent_type(space.id()) != H5S_SIMPLE) {
    refuse(path, wanted, "it is no array", rewrite);
  }
  const int rank = H5Sget_simple_extent_ndims(space.id());
  std::vector<hsize_t> dims(rank > 0 && rank <= H5S_MAX_RANK ? static_cast<std::size_t>(rank) : 0);
  if (!dims.empty()) H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr);
  if (dims != wanted.dims) {
    refuse(path, wanted,
           "its shape is " + text_of(dims) + ", but the manifest says " + text_of(wanted.dims),
           "correct rows and shape in the manifest, or write the shard again");
  }
}

std::vector<ChunkFilter> checked_filters(const std::filesystem::path& path, hid_t how,
                                         const ShardArray& wanted) {
  const int count = H5Pget_nfilters(how);
  if (count < 0 || count > 3) refuse(path, wanted, "it has more than three filters", rewrite);
  std::vector<ChunkFilter> filters;
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    unsigned config = 0;
    const auto id = H5Pget_filter2(how, static_cast<unsigned>(i), &flags, &values, nullptr, 0,
                                   nullptr, &config);
    if (id == H5Z_FILTER_SHUFFLE) {
      filters.push_back(ChunkFilter::shuffle);
    } else if (id == H5Z_FILTER_DEFLATE) {
      filters.push_back(ChunkFilter::deflate);
    } else if (id == H5Z_FILTER_FLETCHER32) {
      filters.push_back(ChunkFilter::fletcher32);
    } else {
      refuse(path, wanted,
             "it uses filter " + std::to_string(id) +
                 "; only deflate, shuffle and fletcher32 are read",
             "write it with one of these or without any");
    }
  }
  auto sorted = filters;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    refuse(path, wanted, "it uses a filter twice", rewrite);
  }
  return filters;
}

std::vector<hsize_t> checked_chunk(const std::filesystem::path& path, hid_t how,
                                   const ShardArray& wanted) {
  std::vector<hsize_t> chunk(wanted.dims.size());
  if (H5Pget_chunk(how, static_cast<int>(chunk.size()), chunk.data()) !=
      static_cast<int>(chunk.size())) {
    refuse(path, wanted, "its chunks can't be read", rewrite);
  }
  std::size_t bytes = wanted.element_bytes;
  for (const hsize_t side : chunk) {
    if (side == 0 || side > max_chunk_bytes / bytes) {
      refuse(path, wanted, "its chunks " + text_of(chunk) + " are larger than 64 MiB",
             "write smaller chunks");
    }
    bytes *= static_cast<std::size_t>(side);
  }
  std::size_t chunks = 1;
  for (std::size_t d = 0; d < chunk.size(); ++d) {
    chunks *= static_cast<std::size_t>((wanted.dims[d] + chunk[d] - 1) / chunk[d]);
    if (chunks > max_chunks) {
      refuse(path, wanted,
             "its chunks " + text_of(chunk) + " are so small that there are more than a million",
             "write larger chunks");
    }
  }
  return chunk;
}

/// Where `at` (a chunk's first element) lies, and how much of the chunk is inside the array, row by
/// row.
void place_chunk(const Bytes& chunk_bytes, const std::vector<hsize_t>& chunk,
                 const std::vector<hsize_t>& at, const ShardArray& wanted, std::byte* out) {
  const std::size_t rank = chunk.size();
  std::vector<hsize_t> extent(rank);
  for (std::size_t d = 0; d < rank; ++d) extent[d] = std::min(chunk[d], wanted.dims[d] - at[d]);
  const std::size_t run = static_cast<std::size_t>(extent[rank - 1]) * wanted.element_bytes;
  std::vector<hsize_t> inside(rank, 0);
  for (;;) {
    std::size_t from = 0;
    std::size_t to = 0;
    for (std::size_t d = 0; d < rank; ++d) {
      from = from * chunk[d] + inside[d];
      to = to * wanted.dims[d] + at[d] + inside[d];
    }
    std::memcpy(out + to * wanted.element_bytes, chunk_bytes.data() + from * wanted.element_bytes,
                run);
    std::size_t d = rank - 1;
    while (d > 0 && ++inside[d - 1] == extent[d - 1]) inside[--d] = 0;
    if (d == 0) return;
  }
}

Bytes stored_chunk(const std::filesystem::path& path, const CheckedArray& array,
                   const ShardArray& wanted, const std::vector<hsize_t>& at,
                   std::size_t chunk_bytes, std::uint32_t& skipped) {
  hsize_t stored_bytes = 0;
  const bool known = H5Dget_chunk_storage_size(array.dataset.id(), at.data(), &stored_bytes) >= 0;
  // Deflate grows what it can't shrink by less than a thousandth; checksums take four bytes.
  if (!known || stored_bytes == 0 || stored_bytes > chunk_bytes + chunk_bytes / 512 + 1024) {
    refuse(path, wanted, "the chunk at " + text_of(at) + " is missing or of an absurd size",
           rewrite);
  }
  Bytes stored(static_cast<std::size_t>(stored_bytes));
  if (H5Dread_chunk(array.dataset.id(), H5P_DEFAULT, at.data(), &skipped, stored.data()) < 0) {
    refuse(path, wanted, "the chunk at " + text_of(at) + " can't be read",
           "get a clean copy of the file");
  }
  return stored;
}

void read_chunks(const std::filesystem::path& path, const CheckedArray& array,
                 const ShardArray& wanted, std::byte* out) {
  const std::size_t rank = array.chunk.size();
  std::size_t chunk_bytes = wanted.element_bytes;
  for (const hsize_t side : array.chunk) chunk_bytes *= static_cast<std::size_t>(side);
  std::vector<hsize_t> at(rank, 0);
  Bytes plain;
  for (;;) {
    std::uint32_t skipped = 0;
    Bytes stored = stored_chunk(path, array, wanted, at, chunk_bytes, skipped);
    const std::string problem = decode_chunk(std::move(stored), array.filters, skipped,
                                             wanted.element_bytes, chunk_bytes, plain);
    if (!problem.empty()) {
      refuse(path, wanted, "the chunk at " + text_of(at) + ": " + problem,
             "get a clean copy of the file");
    }
    place_chunk(plain, array.chunk, at, wanted, out);
    std::size_t d = rank;
    while (d > 0 && (at[d - 1] += array.chunk[d - 1]) >= wanted.dims[d - 1]) at[--d] = 0;
    if (d == 0) return;
  }
}

}  // namespace

CheckedArray check_array(const std::filesystem::path& path, hid_t file, const ShardArray& wanted,
                         std::uintmax_t file_bytes) {
  H5O_info_t info{};
  if (H5Oget_info_by_name(file, wanted.name, &info, H5P_DEFAULT) < 0 ||
      info.type != H5O_TYPE_DATASET) {
    refuse(path, wanted, "it is no dataset", rewrite);
  }
  CheckedArray array;
  array.dataset = Hdf5Handle(H5Dopen2(file, wanted.name, H5P_DEFAULT), H5Dclose);
  const hid_t dataset = array.dataset.id();
  if (!array.dataset) refuse(path, wanted, "it can't be opened", "get a clean copy of the file");
  Hdf5Handle how(H5Dget_create_plist(dataset), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(how.id());
  if (layout == H5D_VIRTUAL)
    refuse(path, wanted, "it is virtual: its data lie in other files", rewrite);
  if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED && layout != H5D_COMPACT) {
    refuse(path, wanted, "its layout is unknown", rewrite);
  }
  if (H5Pget_external_count(how.id()) != 0) {
    refuse(path, wanted, "its data lie in an external file, which could be any file of yours",
           rewrite);
  }
  check_type(path, dataset, wanted);
  check_shape(path, dataset, wanted);
  array.filters = checked_filters(path, how.id(), wanted);
  if (layout == H5D_CHUNKED) {
    array.chunk = checked_chunk(path, how.id(), wanted);
  } else {
    // A dataset that was declared but never written would read as zeros.
    const hsize_t stored = H5Dget_storage_size(dataset);
    if (stored != wanted.bytes() || stored > file_bytes) {
      refuse(path, wanted, "its rows are not all in the file", "get a clean copy of the file");
    }
  }
  return array;
}

void read_array(const std::filesystem::path& path, const CheckedArray& array,
                const ShardArray& wanted, std::byte* out) {
  if (!array.chunk.empty()) {
    read_chunks(path, array, wanted, out);
  } else if (H5Dread(array.dataset.id(), wanted.file_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) <
             0) {
    refuse(path, wanted, "its rows can't be read", "get a clean copy of the file");
  }
}

}  // namespace raven
