#include "data/hdf5_input.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace raven {
namespace {

constexpr std::size_t most_messages = 1024;  // in an object's header
constexpr std::size_t most_blocks = 64;      // that such a header continues in
constexpr std::size_t most_links = 64;       // in the root group
constexpr std::uint64_t most_names = 65536;  // bytes of the names in a group
constexpr std::size_t superblock_bytes = 128;
constexpr char signature[] = "\x89HDF\r\n\x1a\n";
constexpr std::uint16_t most_known_kind = 0x18;

bool takes(ByteReader& in, std::string_view magic) {
  const ByteSpan found = in.get_raw(magic.size());
  return in.ok() && std::memcmp(found.data(), magic.data(), magic.size()) == 0;
}

void skip(ByteReader& in, std::size_t bytes) { (void)in.get_raw(bytes); }

/// A number of 1, 2, 4 or 8 bytes: 2 to the power of the lowest two bits of `flags`.
std::uint64_t sized_number(ByteReader& in, unsigned flags) {
  switch (flags & 3U) {
    case 0:
      return in.get<std::uint8_t>();
    case 1:
      return in.get<std::uint16_t>();
    case 2:
      return in.get<std::uint32_t>();
    default:
      return in.get<std::uint64_t>();
  }
}

std::string name_at(ByteSpan names, std::uint64_t offset) {
  std::string name;
  for (std::uint64_t i = offset; i < names.size() && names[i] != std::byte{0}; ++i) {
    name += static_cast<char>(names[i]);
  }
  return name;
}

/// None when the message is no link that HDF5 writes.
std::optional<Hdf5Link> link_in(ByteSpan body) {
  ByteReader in(body);
  const auto version = in.get<std::uint8_t>();
  const auto flags = in.get<std::uint8_t>();
  const int kind = (flags & 8U) != 0 ? in.get<std::uint8_t>() : 0;
  if ((flags & 4U) != 0) skip(in, 8);
  if ((flags & 16U) != 0) skip(in, 1);
  const ByteSpan name = in.get_raw(sized_number(in, flags));
  Hdf5Link link{{reinterpret_cast<const char*>(name.data()), name.size()}, kind == 0, 0};
  if (link.hard) link.address = in.get<std::uint64_t>();
  if (!in.ok() || version != 1) return std::nullopt;
  return link;
}

}  // namespace

Hdf5Input::Hdf5Input(const ShardFile& file)
    : file_(file), structures_left_(file.size() + (std::uint64_t{1} << 20)) {
  // A program may have put a block of its own in front, of 512 bytes or a power of two times that.
  for (base_ = 0; base_ < file_.size(); base_ = base_ == 0 ? 512 : 2 * base_) {
    Bytes block(std::min<std::uint64_t>(superblock_bytes, file_.size() - base_));
    file_.read(base_, block);
    ByteReader in(block);
    if (!takes(in, {signature, 8})) continue;
    read_superblock(in);
    return;
  }
  file_.refuse("this is no HDF5 file, or it is damaged");
}

void Hdf5Input::read_superblock(ByteReader& in) {
  const auto version = in.get<std::uint8_t>();
  if (version > 3) {
    file_.refuse("this HDF5 file has a superblock of version " + std::to_string(version) +
                     "; 0 to 3 are read",
                 "write it with h5py, or pass it through h5repack");
  }
  const bool old = version < 2;
  if (old) skip(in, 4);
  const auto offset_bytes = in.get<std::uint8_t>();
  const auto length_bytes = in.get<std::uint8_t>();
  if (offset_bytes != 8 || length_bytes != 8) {
    file_.refuse("this HDF5 file has addresses or lengths of other than 8 bytes",
                 "write it with h5py, or pass it through h5repack");
  }
  skip(in, old ? (version == 0 ? 9 : 13) : 1);
  skip(in, 16);  // base address and free space; superblock extension in later versions
  const auto end = in.get<std::uint64_t>();
  if (old) skip(in, 16);  // driver block, name of the root group
  root_ = in.get<std::uint64_t>();
  if (!in.ok()) damaged("the superblock");
  if (end > file_.size()) {
    file_.refuse("the file was cut off: it has " + std::to_string(file_.size()) + " of " +
                 std::to_string(end) + " bytes");
  }
}

void Hdf5Input::damaged(const std::string& what) const {
  file_.refuse("this HDF5 file is damaged: " + what + " can't be read");
}

bool Hdf5Input::holds(std::uint64_t address, std::uint64_t bytes) const {
  const std::uint64_t room = file_.size() - base_;
  return address <= room && bytes <= room - address;
}

Bytes Hdf5Input::structure_at(std::uint64_t address, std::uint64_t bytes, const char* what) {
  if (!holds(address, bytes) || bytes > structures_left_) damaged(what);
  structures_left_ -= bytes;
  Bytes block(static_cast<std::size_t>(bytes));
  read(address, block);
  return block;
}

void Hdf5Input::read(std::uint64_t address, std::span<std::byte> to) const {
  file_.read(base_ + address, to);
}

std::vector<Hdf5Message> Hdf5Input::object_at(std::uint64_t address) {
  constexpr const char* what = "an object's header";
  const Bytes head = structure_at(address, 16, what);
  ByteReader in(head);
  ByteReader later(head);
  std::vector<Hdf5Message> messages;
  const bool new_form = takes(later, "OHDR");
  bool ordered = false;
  if (new_form) {
    const auto version = later.get<std::uint8_t>();
    const auto flags = later.get<std::uint8_t>();
    ordered = (flags & 4U) != 0;
    const std::uint64_t before = 6U + ((flags & 32U) != 0 ? 16 : 0) + ((flags & 16U) != 0 ? 4 : 0);
    const std::uint64_t width = std::uint64_t{1} << (flags & 3U);
    const Bytes size = structure_at(address + before, width, what);
    ByteReader size_in(size);
    const std::uint64_t bytes = sized_number(size_in, flags);
    if (version != 2 || bytes > file_.size()) damaged(what);
    read_messages(ByteReader(structure_at(address + before + width, bytes, what)), 2, ordered,
                  messages);
  } else {
    const auto version = in.get<std::uint8_t>();
    skip(in, 7);
    const auto bytes = in.get<std::uint32_t>();
    if (version != 1) damaged(what);
    read_messages(ByteReader(structure_at(address + 16, bytes, what)), 1, false, messages);
  }
  std::size_t blocks = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].kind != Hdf5Kind::continuation) continue;
    ByteReader place(messages[i].body);
    const auto at = place.get<std::uint64_t>();
    const auto bytes = place.get<std::uint64_t>();
    if (!place.ok() || ++blocks > most_blocks) damaged(what);
    const Bytes block = structure_at(at, bytes, what);
    ByteReader more(block);
    if (new_form) {
      if (!takes(more, "OCHK") || more.left() < 4) damaged(what);
      more = ByteReader(more.get_raw(more.left() - 4));  // a checksum ends it
    }
    read_messages(more, new_form ? 2 : 1, ordered, messages);
  }
  return messages;
}

void Hdf5Input::read_messages(ByteReader in, int version, bool ordered,
                              std::vector<Hdf5Message>& messages) {
  const std::size_t head = version == 1 ? 8 : ordered ? 6 : 4;
  // What is too short for a message is a gap.
  while (in.left() >= head) {
    const std::uint16_t kind =
        version == 1 ? in.get<std::uint16_t>() : std::uint16_t{in.get<std::uint8_t>()};
    const auto bytes = in.get<std::uint16_t>();
    const auto flags = in.get<std::uint8_t>();
    skip(in, head - (version == 1 ? 5 : 4));
    const ByteSpan body = in.get_raw(bytes);
    if (!in.ok() || messages.size() >= most_messages) damaged("an object's header");
    if (kind > most_known_kind && (flags & 128U) != 0) {
      file_.refuse("an object has a property that this raven does not know, and must not ignore",
                   "write it with h5py, or pass it through h5repack");
    }
    if (kind == 0) continue;
    messages.push_back(
        {static_cast<Hdf5Kind>(kind), (flags & 2U) != 0, Bytes(body.begin(), body.end())});
  }
}

std::vector<Hdf5Link> Hdf5Input::links_of(const std::vector<Hdf5Message>& group) {
  constexpr const char* what = "the root group";
  std::vector<Hdf5Link> links;
  bool is_group = false;
  for (const Hdf5Message& message : group) {
    ByteReader in(message.body);
    if (message.kind == Hdf5Kind::symbol_table) {
      is_group = true;
      const auto tree = in.get<std::uint64_t>();
      const auto heap = in.get<std::uint64_t>();
      if (!in.ok()) damaged(what);
      const Bytes head = structure_at(heap, 32, what);
      ByteReader heap_in(head);
      if (!takes(heap_in, "HEAP")) damaged(what);
      skip(heap_in, 4);
      const auto bytes = heap_in.get<std::uint64_t>();
      skip(heap_in, 8);
      if (bytes > most_names) damaged(what);
      read_tree(tree, -1, structure_at(heap_in.get<std::uint64_t>(), bytes, what), links);
    } else if (message.kind == Hdf5Kind::link_info) {
      is_group = true;
      skip(in, 1);
      if ((in.get<std::uint8_t>() & 1U) != 0) skip(in, 8);
      if (in.get<std::uint64_t>() != hdf5_nowhere) {
        file_.refuse("the root group has, or had, so many objects that they are kept in a heap",
                     "write a new file with the datasets of docs/formats/shard.md alone");
      }
    } else if (message.kind == Hdf5Kind::link) {
      const auto link = link_in(message.body);
      if (!link || links.size() >= most_links) damaged(what);
      links.push_back(*link);
    }
  }
  if (!is_group) damaged(what);
  return links;
}

/// @param level of this node when its parent says so, else -1
void Hdf5Input::read_tree(std::uint64_t address, int level, ByteSpan names,
                          std::vector<Hdf5Link>& links) {
  constexpr const char* what = "the root group";
  const Bytes head = structure_at(address, 24, what);
  ByteReader in(head);
  const bool is_tree = takes(in, "TREE");
  const int type = in.get<std::uint8_t>();
  const int own = in.get<std::uint8_t>();
  const auto count = in.get<std::uint16_t>();
  if (!is_tree || type != 0 || (level >= 0 && own != level)) damaged(what);
  const Bytes entries = structure_at(address + 24, std::uint64_t{count} * 16, what);
  ByteReader entry(entries);
  for (std::size_t i = 0; i < count; ++i) {
    skip(entry, 8);
    const auto child = entry.get<std::uint64_t>();
    if (own > 0) {
      read_tree(child, own - 1, names, links);
    } else {
      read_symbols(child, names, links);
    }
  }
}

void Hdf5Input::read_symbols(std::uint64_t address, ByteSpan names, std::vector<Hdf5Link>& links) {
  constexpr const char* what = "the root group";
  constexpr std::uint32_t soft_link = 2;
  const Bytes head = structure_at(address, 8, what);
  ByteReader in(head);
  const bool is_node = takes(in, "SNOD");
  skip(in, 2);
  const auto count = in.get<std::uint16_t>();
  if (!is_node || links.size() + count > most_links) damaged(what);
  const Bytes entries = structure_at(address + 8, std::uint64_t{count} * 40, what);
  ByteReader entry(entries);
  for (std::size_t i = 0; i < count; ++i) {
    Hdf5Link link;
    link.name = name_at(names, entry.get<std::uint64_t>());
    link.address = entry.get<std::uint64_t>();
    link.hard = entry.get<std::uint32_t>() != soft_link;
    skip(entry, 20);
    links.push_back(std::move(link));
  }
}

}  // namespace raven
