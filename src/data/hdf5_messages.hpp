#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/hdf5_input.hpp"

// What the messages of an object's header say. Each function takes a message's body and returns
// none when that is cut off, or of a version that this raven does not read.

namespace raven {

struct Hdf5Space {
  bool is_array = true;  ///< false: it holds nothing at all
  std::vector<std::uint64_t> dims;
};
[[nodiscard]] std::optional<Hdf5Space> space_in(ByteSpan body);

/// Elements of a dataset or an attribute.
enum class Hdf5Element : std::uint8_t { u8, i32, i64, f32, other };

struct Hdf5Type {
  Hdf5Element element = Hdf5Element::other;
  std::uint32_t bytes = 0;
  bool whole_number = false;  ///< all bits are digits; the two below say how they are to be read
  bool big_endian = false;
  bool with_sign = false;
};
[[nodiscard]] std::optional<Hdf5Type> type_in(ByteSpan body);

/// How the chunks of a dataset are found.
enum class Hdf5ChunkIndex : std::uint8_t { tree, single, implicit, fixed_array, other };

struct Hdf5Layout {
  enum class Kind : std::uint8_t { compact, contiguous, chunked, virtual_data };
  Kind kind = Kind::contiguous;
  std::uint64_t address = hdf5_nowhere;  ///< of the elements or of the index
  std::uint64_t bytes = 0;               ///< contiguous; of a single filtered chunk
  Bytes elements{};                      ///< compact
  std::vector<std::uint64_t> chunk{};    ///< chunked: sides, the element's bytes last
  Hdf5ChunkIndex index = Hdf5ChunkIndex::tree;
  bool edges_unfiltered = false;    ///< chunks that reach beyond the array pass no filter
  bool single_is_filtered = false;  ///< then `bytes` and `single_skipped` are told
  std::uint32_t single_skipped = 0;
};
[[nodiscard]] std::optional<Hdf5Layout> layout_in(ByteSpan body);

/// The numbers of the filters, in the order of writing.
[[nodiscard]] std::optional<std::vector<int>> filters_in(ByteSpan body);

struct Hdf5Attribute {
  std::string name;
  bool plain = true;  ///< false: its type lies elsewhere in the file
  std::optional<Hdf5Type> type;
  std::optional<Hdf5Space> space;
  Bytes value;
};
[[nodiscard]] std::optional<Hdf5Attribute> attribute_in(ByteSpan body);

}  // namespace raven
