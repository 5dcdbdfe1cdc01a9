#include "data/shard_array.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace raven {
namespace {

constexpr std::size_t max_chunk_bytes = std::size_t{64} << 20;
constexpr std::size_t max_chunks = std::size_t{1} << 20;
constexpr char rewrite[] = "write it as docs/formats/shard.md shows";
constexpr char clean_copy[] = "get a clean copy of the file";

[[noreturn]] void refuse(const Hdf5Input& input, const ShardArray& wanted,
                         const std::string& problem, const std::string& remedy) {
  input.file().refuse("dataset '" + std::string(wanted.name) + "': " + problem, remedy);
}

std::string text_of(const std::vector<std::uint64_t>& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

const char* in_words(Hdf5Element element) {
  switch (element) {
    case Hdf5Element::u8:
      return "unsigned 8-bit integers";
    case Hdf5Element::i32:
      return "little-endian 32-bit integers";
    case Hdf5Element::i64:
      return "little-endian 64-bit integers";
    default:
      return "little-endian 32-bit floats";
  }
}

/// The message of a kind that a dataset has once; null when it has none.
const Hdf5Message* only(const Hdf5Input& input, const std::vector<Hdf5Message>& object,
                        Hdf5Kind kind, const ShardArray& wanted) {
  const Hdf5Message* found = nullptr;
  for (const Hdf5Message& message : object) {
    if (message.kind != kind) continue;
    if (found != nullptr) refuse(input, wanted, "it says twice what it is", clean_copy);
    found = &message;
  }
  return found;
}

void check_type(const Hdf5Input& input, const Hdf5Message& message, const ShardArray& wanted) {
  if (message.shared) {
    refuse(input, wanted, "it has a named (committed) type; only plain types are read", rewrite);
  }
  const auto type = type_in(message.body);
  if (!type) refuse(input, wanted, "its type can't be read", rewrite);
  if (type->element != wanted.element || type->bytes != wanted.element_bytes()) {
    refuse(
        input, wanted,
        std::string("its elements are not ") + in_words(wanted.element) + " as the manifest says",
        "correct the type in the manifest, or write the shard again");
  }
}

void check_shape(const Hdf5Input& input, const Hdf5Message& message, const ShardArray& wanted) {
  const auto space = message.shared ? std::nullopt : space_in(message.body);
  if (!space || !space->is_array) refuse(input, wanted, "it is no array", rewrite);
  if (space->dims != wanted.dims) {
    refuse(
        input, wanted,
        "its shape is " + text_of(space->dims) + ", but the manifest says " + text_of(wanted.dims),
        "correct rows and shape in the manifest, or write the shard again");
  }
}

std::vector<ChunkFilter> checked_filters(const Hdf5Input& input, const Hdf5Message* message,
                                         const ShardArray& wanted) {
  if (message == nullptr) return {};
  const auto numbers = message->shared ? std::nullopt : filters_in(message->body);
  if (!numbers) refuse(input, wanted, "its filters can't be read", rewrite);
  if (numbers->size() > 3) refuse(input, wanted, "it has more than three filters", rewrite);
  std::vector<ChunkFilter> filters;
  for (const int number : *numbers) {
    switch (number) {
      case 1:
        filters.push_back(ChunkFilter::deflate);
        break;
      case 2:
        filters.push_back(ChunkFilter::shuffle);
        break;
      case 3:
        filters.push_back(ChunkFilter::fletcher32);
        break;
      default:
        refuse(input, wanted,
               "it uses filter " + std::to_string(number) +
                   "; only deflate, shuffle and fletcher32 are read",
               "write it with one of these or without any");
    }
  }
  auto sorted = filters;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    refuse(input, wanted, "it uses a filter twice", rewrite);
  }
  return filters;
}

ChunkGrid checked_grid(const Hdf5Input& input, const Hdf5Layout& layout, const ShardArray& wanted) {
  ChunkGrid grid{.dims = wanted.dims, .chunk = layout.chunk, .chunk_bytes = wanted.element_bytes()};
  if (grid.chunk.size() != wanted.dims.size() + 1 || grid.chunk.back() != grid.chunk_bytes) {
    refuse(input, wanted, "its chunks can't be read", rewrite);
  }
  grid.chunk.pop_back();
  for (const std::uint64_t side : grid.chunk) {
    if (side == 0 || side > max_chunk_bytes / grid.chunk_bytes) {
      refuse(input, wanted, "its chunks " + text_of(grid.chunk) + " are larger than 64 MiB",
             "write smaller chunks");
    }
    grid.chunk_bytes *= static_cast<std::size_t>(side);
  }
  grid.chunks = 1;
  for (std::size_t d = 0; d < grid.chunk.size(); ++d) {
    const std::uint64_t along = (wanted.dims[d] - 1) / grid.chunk[d] + 1;
    if (along > max_chunks / grid.chunks) {
      refuse(
          input, wanted,
          "its chunks " + text_of(grid.chunk) + " are so small that there are more than a million",
          "write larger chunks");
    }
    grid.chunks *= static_cast<std::size_t>(along);
  }
  return grid;
}

/// Whether a chunk reaches beyond the array.
bool is_at_edge(const ChunkGrid& grid, std::size_t number) {
  const auto place = grid.place_of(number);
  for (std::size_t d = 0; d < place.size(); ++d) {
    if (grid.dims[d] - place[d] < grid.chunk[d]) return true;
  }
  return false;
}

void find_chunks(Hdf5Input& input, CheckedArray& array, const ShardArray& wanted) {
  array.grid = checked_grid(input, array.layout, wanted);
  array.grid.filtered = !array.filters.empty();
  if (array.layout.index == Hdf5ChunkIndex::other) {
    refuse(input, wanted, "its chunks are found by an index that only resizable datasets have",
           "write it without maxshape, with libver='earliest', or pass it through h5repack "
           "--high=1");
  }
  array.chunks = stored_chunks(input, array.layout, array.grid);
  // Deflate grows what it can't shrink by less than a thousandth; checksums take four bytes.
  const std::size_t plain = array.grid.chunk_bytes;
  const std::size_t most = array.filters.empty() ? plain : plain + plain / 512 + 1024;
  const std::size_t least = array.filters.empty() ? plain : 1;
  const auto all_filters = (std::uint32_t{1} << array.filters.size()) - 1;
  for (std::size_t i = 0; i < array.chunks.size(); ++i) {
    StoredChunk& chunk = array.chunks[i];
    if (array.layout.edges_unfiltered && is_at_edge(array.grid, i)) chunk.skipped = all_filters;
    if (chunk.address == hdf5_nowhere || chunk.bytes < least || chunk.bytes > most ||
        !input.holds(chunk.address, chunk.bytes)) {
      refuse(input, wanted,
             "the chunk at " + text_of(array.grid.place_of(i)) + " is missing or of an absurd size",
             rewrite);
    }
  }
}

/// Copies what of a chunk is inside the array, row by row. @param at its first element
void place_chunk(const Bytes& chunk_bytes, const ChunkGrid& grid,
                 const std::vector<std::uint64_t>& at, const ShardArray& wanted, std::byte* out) {
  const std::vector<std::uint64_t>& chunk = grid.chunk;
  const std::size_t rank = chunk.size();
  const std::size_t bytes = wanted.element_bytes();
  std::vector<std::uint64_t> extent(rank);
  for (std::size_t d = 0; d < rank; ++d) extent[d] = std::min(chunk[d], wanted.dims[d] - at[d]);
  const std::size_t run = static_cast<std::size_t>(extent[rank - 1]) * bytes;
  std::vector<std::uint64_t> inside(rank, 0);
  for (;;) {
    std::size_t from = 0;
    std::size_t to = 0;
    for (std::size_t d = 0; d < rank; ++d) {
      from = from * chunk[d] + inside[d];
      to = to * wanted.dims[d] + at[d] + inside[d];
    }
    std::memcpy(out + to * bytes, chunk_bytes.data() + from * bytes, run);
    std::size_t d = rank - 1;
    while (d > 0 && ++inside[d - 1] == extent[d - 1]) inside[--d] = 0;
    if (d == 0) return;
  }
}

void read_chunks(const Hdf5Input& input, const CheckedArray& array, const ShardArray& wanted,
                 std::byte* out) {
  Bytes plain;
  for (std::size_t i = 0; i < array.chunks.size(); ++i) {
    const StoredChunk& chunk = array.chunks[i];
    const auto at = array.grid.place_of(i);
    Bytes stored(static_cast<std::size_t>(chunk.bytes));
    input.read(chunk.address, stored);
    const std::string problem = decode_chunk(std::move(stored), array.filters, chunk.skipped,
                                             wanted.element_bytes(), array.grid.chunk_bytes, plain);
    if (!problem.empty()) {
      refuse(input, wanted, "the chunk at " + text_of(at) + ": " + problem, clean_copy);
    }
    place_chunk(plain, array.grid, at, wanted, out);
  }
}

}  // namespace

CheckedArray check_array(Hdf5Input& input, const std::vector<Hdf5Message>& object,
                         const ShardArray& wanted) {
  const Hdf5Message* space = only(input, object, Hdf5Kind::space, wanted);
  const Hdf5Message* type = only(input, object, Hdf5Kind::type, wanted);
  const Hdf5Message* how = only(input, object, Hdf5Kind::layout, wanted);
  if (space == nullptr || type == nullptr || how == nullptr) {
    refuse(input, wanted, "it is no dataset", rewrite);
  }
  const auto layout = how->shared ? std::nullopt : layout_in(how->body);
  if (!layout) refuse(input, wanted, "its layout is unknown", rewrite);
  if (layout->kind == Hdf5Layout::Kind::virtual_data) {
    refuse(input, wanted, "it is virtual: its data lie in other files", rewrite);
  }
  if (only(input, object, Hdf5Kind::external_files, wanted) != nullptr) {
    refuse(input, wanted, "its data lie in an external file, which could be any file of yours",
           rewrite);
  }
  check_type(input, *type, wanted);
  check_shape(input, *space, wanted);
  CheckedArray array{.layout = *layout};
  array.filters = checked_filters(input, only(input, object, Hdf5Kind::filters, wanted), wanted);
  if (layout->kind == Hdf5Layout::Kind::chunked) {
    find_chunks(input, array, wanted);
    return array;
  }
  // A dataset that was declared but never written would read as zeros.
  const bool compact = layout->kind == Hdf5Layout::Kind::compact;
  const std::uint64_t stored = compact ? layout->elements.size() : layout->bytes;
  if (stored != wanted.bytes() || (!compact && !input.holds(layout->address, stored))) {
    refuse(input, wanted, "its rows are not all in the file", clean_copy);
  }
  return array;
}

void read_array(const Hdf5Input& input, const CheckedArray& array, const ShardArray& wanted,
                std::byte* out) {
  switch (array.layout.kind) {
    case Hdf5Layout::Kind::chunked:
      read_chunks(input, array, wanted, out);
      break;
    case Hdf5Layout::Kind::compact:
      std::memcpy(out, array.layout.elements.data(), array.layout.elements.size());
      break;
    default:
      input.read(array.layout.address, {out, wanted.bytes()});
  }
}

}  // namespace raven
