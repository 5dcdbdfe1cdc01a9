#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/shard_file.hpp"

// The part of the HDF5 file format (specification 3.0) that a shard may use, decoded here: HDF5's
// own library corrupts memory on forged files (docs/adr/0016-shards-read-without-hdf5.md).

namespace raven {

/// Kinds of messages in an object's header.
enum class Hdf5Kind : std::uint16_t {
  space = 0x01,
  link_info = 0x02,
  type = 0x03,
  link = 0x06,
  external_files = 0x07,
  layout = 0x08,
  filters = 0x0B,
  attribute = 0x0C,
  continuation = 0x10,
  symbol_table = 0x11,
  attribute_info = 0x15,
};

/// One property of a group or dataset.
struct Hdf5Message {
  Hdf5Kind kind;
  bool shared = false;  ///< what it says lies elsewhere, `body` only leads there
  Bytes body;
};

/// What a group holds under a name.
struct Hdf5Link {
  std::string name;
  bool hard = false;  ///< else a soft or external one
  std::uint64_t address = 0;
};

/// An address that HDF5 stores for "nowhere".
inline constexpr std::uint64_t hdf5_nowhere = ~std::uint64_t{0};

/// Structures of an HDF5 file by their address. Nothing is read that the file does not hold, no
/// memory is taken from a number before that, and structures that lead in circles come to an end.
class Hdf5Input {
 public:
  /// Finds the superblock. @throws InputError as every call
  explicit Hdf5Input(const ShardFile& file);

  [[nodiscard]] const ShardFile& file() const { return file_; }
  /// Address of the root group's header.
  [[nodiscard]] std::uint64_t root() const { return root_; }
  /// All messages of an object, those in continuation blocks included.
  [[nodiscard]] std::vector<Hdf5Message> object_at(std::uint64_t address);
  /// What the group with these messages holds.
  [[nodiscard]] std::vector<Hdf5Link> links_of(const std::vector<Hdf5Message>& group);

  /// Whether the file has so many bytes at an address.
  [[nodiscard]] bool holds(std::uint64_t address, std::uint64_t bytes) const;
  /// Reads a structure. @param what it is, for messages
  [[nodiscard]] Bytes structure_at(std::uint64_t address, std::uint64_t bytes, const char* what);
  /// Reads elements. @pre holds()
  void read(std::uint64_t address, std::span<std::byte> to) const;
  [[noreturn]] void damaged(const std::string& what) const;

 private:
  void read_superblock(ByteReader& in);
  void read_messages(ByteReader in, int version, bool ordered, std::vector<Hdf5Message>& messages);
  void read_tree(std::uint64_t address, int level, ByteSpan names, std::vector<Hdf5Link>& links);
  void read_symbols(std::uint64_t address, ByteSpan names, std::vector<Hdf5Link>& links);

  const ShardFile& file_;
  std::uint64_t base_ = 0;  ///< where address 0 lies
  std::uint64_t root_ = 0;
  std::uint64_t structures_left_;  ///< bytes of structures that may still be read
};

}  // namespace raven
