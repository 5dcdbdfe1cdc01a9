#include "data/hdf5_chunks.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace raven {
namespace {

constexpr const char* what = "the index of a dataset's chunks";

void skip(ByteReader& in, std::size_t bytes) { (void)in.get_raw(bytes); }

bool takes(ByteReader& in, std::string_view magic) {
  const ByteSpan found = in.get_raw(magic.size());
  return in.ok() && std::memcmp(found.data(), magic.data(), magic.size()) == 0;
}

/// The number of the chunk that begins there; none when none does.
std::optional<std::size_t> number_at(ByteReader& key, const ChunkGrid& grid) {
  std::size_t number = 0;
  for (std::size_t d = 0; d < grid.dims.size(); ++d) {
    const auto at = key.get<std::uint64_t>();
    if (at >= grid.dims[d] || at % grid.chunk[d] != 0) return std::nullopt;
    const std::uint64_t along = (grid.dims[d] - 1) / grid.chunk[d] + 1;
    number =
        number * static_cast<std::size_t>(along) + static_cast<std::size_t>(at / grid.chunk[d]);
  }
  return number;
}

/// A B-tree of version 1.
/// @param level of this node when its parent says so, else -1
void read_tree(Hdf5Input& input, std::uint64_t address, int level, const ChunkGrid& grid,
               std::vector<StoredChunk>& chunks) {
  const Bytes head = input.structure_at(address, 24, what);
  ByteReader in(head);
  const bool is_tree = takes(in, "TREE");
  const int type = in.get<std::uint8_t>();
  const int own = in.get<std::uint8_t>();
  const auto count = in.get<std::uint16_t>();
  if (!is_tree || type != 1 || (level >= 0 && own != level)) input.damaged(what);
  const std::size_t entry_bytes = 8 + 8 * (grid.dims.size() + 1) + 8;
  const Bytes entries = input.structure_at(address + 24, count * entry_bytes, what);
  ByteReader entry(entries);
  for (std::size_t i = 0; i < count; ++i) {
    StoredChunk chunk;
    chunk.bytes = entry.get<std::uint32_t>();
    chunk.skipped = entry.get<std::uint32_t>();
    ByteReader key(entry.get_raw(8 * (grid.dims.size() + 1)));
    chunk.address = entry.get<std::uint64_t>();
    if (own > 0) {
      read_tree(input, chunk.address, own - 1, grid, chunks);
      continue;
    }
    const auto number = number_at(key, grid);
    if (!number || chunks[*number].address != hdf5_nowhere) input.damaged(what);
    chunks[*number] = chunk;
  }
}

/// The elements of a fixed array, which may be cut into pages.
struct FixedArray {
  Hdf5Input& input;
  const ChunkGrid& grid;
  std::vector<StoredChunk>& chunks;
  std::size_t entry_bytes = 0;

  void read_entries(std::uint64_t address, std::size_t first, std::size_t count) {
    const Bytes entries = input.structure_at(address, count * entry_bytes, what);
    ByteReader in(entries);
    for (std::size_t i = first; i < first + count; ++i) {
      StoredChunk& chunk = chunks[i];
      chunk.address = in.get<std::uint64_t>();
      chunk.bytes = grid.chunk_bytes;
      if (!grid.filtered) continue;
      chunk.bytes = 0;
      const ByteSpan size = in.get_raw(entry_bytes - 12);
      std::memcpy(&chunk.bytes, size.data(), size.size());
      chunk.skipped = in.get<std::uint32_t>();
    }
  }

  void read(std::uint64_t address) {
    const Bytes head = input.structure_at(address, 28, what);
    ByteReader in(head);
    const bool is_header = takes(in, "FAHD");
    skip(in, 2);
    entry_bytes = in.get<std::uint8_t>();
    const unsigned page_bits = in.get<std::uint8_t>();
    const auto count = in.get<std::uint64_t>();
    const auto block = in.get<std::uint64_t>();
    const bool sizes_fit = grid.filtered ? entry_bytes > 12 && entry_bytes <= 20 : entry_bytes == 8;
    if (!is_header || !sizes_fit || count != grid.chunks || page_bits > 31) input.damaged(what);
    if (block == hdf5_nowhere) return;
    constexpr std::size_t prefix = 14;  // "FADB", version, kind, address of the header
    const Bytes block_head = input.structure_at(block, prefix, what);
    ByteReader block_in(block_head);
    if (!takes(block_in, "FADB")) input.damaged(what);
    const std::size_t page = std::size_t{1} << page_bits;
    if (grid.chunks <= page) return read_entries(block + prefix, 0, grid.chunks);
    const std::size_t pages = (grid.chunks - 1) / page + 1;
    const Bytes written = input.structure_at(block + prefix, (pages + 7) / 8, what);
    std::uint64_t at = block + prefix + written.size() + 4;  // a checksum follows each part
    for (std::size_t i = 0; i < pages; ++i) {
      const std::size_t entries = std::min(page, grid.chunks - i * page);
      const unsigned bit = 128U >> (i % 8);
      if ((std::to_integer<unsigned>(written[i / 8]) & bit) != 0) {
        read_entries(at, i * page, entries);
      }
      at += entries * entry_bytes + 4;
    }
  }
};

}  // namespace

std::vector<std::uint64_t> ChunkGrid::place_of(std::size_t number) const {
  std::vector<std::uint64_t> place(dims.size());
  for (std::size_t d = dims.size(); d-- > 0;) {
    const auto along = static_cast<std::size_t>((dims[d] - 1) / chunk[d] + 1);
    place[d] = number % along * chunk[d];
    number /= along;
  }
  return place;
}

std::vector<StoredChunk> stored_chunks(Hdf5Input& input, const Hdf5Layout& layout,
                                       const ChunkGrid& grid) {
  std::vector<StoredChunk> chunks(grid.chunks);
  if (layout.address == hdf5_nowhere) return chunks;
  switch (layout.index) {
    case Hdf5ChunkIndex::tree:
      read_tree(input, layout.address, -1, grid, chunks);
      break;
    case Hdf5ChunkIndex::single:
      if (grid.chunks != 1) input.damaged(what);
      chunks[0] = {layout.address, grid.chunk_bytes, 0};
      if (layout.single_is_filtered) {
        chunks[0] = {layout.address, layout.bytes, layout.single_skipped};
      }
      break;
    case Hdf5ChunkIndex::implicit:
      for (std::size_t i = 0; i < chunks.size(); ++i) {
        chunks[i] = {layout.address + i * grid.chunk_bytes, grid.chunk_bytes, 0};
      }
      break;
    case Hdf5ChunkIndex::fixed_array:
      FixedArray{input, grid, chunks}.read(layout.address);
      break;
    case Hdf5ChunkIndex::other:
      input.damaged(what);
  }
  return chunks;
}

}  // namespace raven
