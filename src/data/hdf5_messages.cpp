#include "data/hdf5_messages.hpp"

#include <algorithm>

namespace raven {
namespace {

constexpr std::size_t most_rank = 32;

void skip(ByteReader& in, std::size_t bytes) { (void)in.get_raw(bytes); }

std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

/// A number of 1 to 8 bytes.
std::uint64_t number_of(ByteReader& in, std::size_t bytes) {
  std::uint64_t value = 0;
  const ByteSpan raw = in.get_raw(bytes);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    value |= std::to_integer<std::uint64_t>(raw[i]) << (8 * i);
  }
  return value;
}

Hdf5Type whole_number(unsigned bits, std::uint32_t bytes, ByteReader& in) {
  const auto offset = in.get<std::uint16_t>();
  const auto precision = in.get<std::uint16_t>();
  Hdf5Type type{.bytes = bytes,
                .whole_number = offset == 0 && precision == std::uint64_t{bytes} * 8,
                .big_endian = (bits & 1U) != 0,
                .with_sign = (bits & 8U) != 0};
  if (!type.whole_number) return type;
  if (bytes == 1 && !type.with_sign) type.element = Hdf5Element::u8;
  if (type.big_endian || !type.with_sign) return type;
  if (bytes == 4) type.element = Hdf5Element::i32;
  if (bytes == 8) type.element = Hdf5Element::i64;
  return type;
}

Hdf5Type floating(unsigned bits, std::uint32_t bytes, ByteReader& in) {
  constexpr unsigned order_and_form = 0xFF71U;  // byte order, leading one, place of the sign
  constexpr unsigned little_implied = 31U << 8U | 0x20U;
  const auto offset = in.get<std::uint16_t>();
  const auto precision = in.get<std::uint16_t>();
  const auto exponent_at = in.get<std::uint8_t>();
  const auto exponent_bits = in.get<std::uint8_t>();
  const auto fraction_at = in.get<std::uint8_t>();
  const auto fraction_bits = in.get<std::uint8_t>();
  const auto bias = in.get<std::uint32_t>();
  Hdf5Type type{.bytes = bytes};
  const bool ieee = (bits & order_and_form) == little_implied && bytes == 4 && offset == 0 &&
                    precision == 32 && exponent_at == 23 && exponent_bits == 8 &&
                    fraction_at == 0 && fraction_bits == 23 && bias == 127;
  if (ieee) type.element = Hdf5Element::f32;
  return type;
}

/// The part that a message of version 4 has beyond what it has in common with version 3.
void read_new_chunks(ByteReader& in, Hdf5Layout& layout) {
  const auto flags = in.get<std::uint8_t>();
  const std::size_t rank = in.get<std::uint8_t>();
  const std::size_t width = in.get<std::uint8_t>();
  if (width < 1 || width > 8 || rank < 2 || rank > most_rank + 1) return in.fail();
  for (std::size_t d = 0; d < rank; ++d) layout.chunk.push_back(number_of(in, width));
  layout.edges_unfiltered = (flags & 1U) != 0;
  switch (in.get<std::uint8_t>()) {
    case 1:
      layout.index = Hdf5ChunkIndex::single;
      layout.single_is_filtered = (flags & 2U) != 0;
      if (!layout.single_is_filtered) break;
      layout.bytes = in.get<std::uint64_t>();
      layout.single_skipped = in.get<std::uint32_t>();
      break;
    case 2:
      layout.index = Hdf5ChunkIndex::implicit;
      break;
    case 3:
      layout.index = Hdf5ChunkIndex::fixed_array;
      skip(in, 1);
      break;
    default:
      layout.index = Hdf5ChunkIndex::other;
      return;
  }
  layout.address = in.get<std::uint64_t>();
}

}  // namespace

std::optional<Hdf5Space> space_in(ByteSpan body) {
  ByteReader in(body);
  const auto version = in.get<std::uint8_t>();
  const std::size_t rank = in.get<std::uint8_t>();
  skip(in, 1);
  const auto kind = in.get<std::uint8_t>();  // reserved in version 1
  if (version == 1) skip(in, 4);
  Hdf5Space space;
  space.is_array = version == 1 || kind != 2;
  if (rank > most_rank || version < 1 || version > 2) return std::nullopt;
  for (std::size_t d = 0; d < rank; ++d) space.dims.push_back(in.get<std::uint64_t>());
  if (!in.ok()) return std::nullopt;
  return space;
}

std::optional<Hdf5Type> type_in(ByteSpan body) {
  ByteReader in(body);
  const auto class_and_version = in.get<std::uint8_t>();
  const auto bits = static_cast<unsigned>(number_of(in, 3));
  const auto bytes = in.get<std::uint32_t>();
  Hdf5Type type{.bytes = bytes};
  if ((class_and_version & 15U) == 0) type = whole_number(bits, bytes, in);
  if ((class_and_version & 15U) == 1) type = floating(bits, bytes, in);
  if (!in.ok()) return std::nullopt;
  return type;
}

std::optional<Hdf5Layout> layout_in(ByteSpan body) {
  ByteReader in(body);
  const auto version = in.get<std::uint8_t>();
  const auto kind = in.get<std::uint8_t>();
  if (version < 3 || version > 4 || kind > 3) return std::nullopt;
  Hdf5Layout layout;
  layout.kind = static_cast<Hdf5Layout::Kind>(kind);
  if (layout.kind == Hdf5Layout::Kind::compact) {
    const ByteSpan elements = in.get_raw(in.get<std::uint16_t>());
    layout.elements.assign(elements.begin(), elements.end());
  } else if (layout.kind == Hdf5Layout::Kind::contiguous) {
    layout.address = in.get<std::uint64_t>();
    layout.bytes = in.get<std::uint64_t>();
  } else if (layout.kind == Hdf5Layout::Kind::chunked && version == 3) {
    const std::size_t rank = in.get<std::uint8_t>();
    layout.address = in.get<std::uint64_t>();
    if (rank > most_rank + 1) return std::nullopt;
    for (std::size_t d = 0; d < rank; ++d) layout.chunk.push_back(in.get<std::uint32_t>());
  } else if (layout.kind == Hdf5Layout::Kind::chunked) {
    read_new_chunks(in, layout);
  }
  if (!in.ok()) return std::nullopt;
  return layout;
}

std::optional<std::vector<int>> filters_in(ByteSpan body) {
  constexpr int first_with_name = 256;
  ByteReader in(body);
  const auto version = in.get<std::uint8_t>();
  const std::size_t count = in.get<std::uint8_t>();
  if (version < 1 || version > 2) return std::nullopt;
  if (version == 1) skip(in, 6);
  std::vector<int> filters;
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const int number = in.get<std::uint16_t>();
    const bool named = version == 1 || number >= first_with_name;
    const std::size_t name = named ? in.get<std::uint16_t>() : 0;
    skip(in, 2);
    const std::size_t values = in.get<std::uint16_t>();
    skip(in, version == 1 ? padded(name) : name);
    skip(in, 4 * (version == 1 ? values + values % 2 : values));
    filters.push_back(number);
  }
  if (!in.ok()) return std::nullopt;
  return filters;
}

std::optional<Hdf5Attribute> attribute_in(ByteSpan body) {
  ByteReader in(body);
  const auto version = in.get<std::uint8_t>();
  const auto flags = in.get<std::uint8_t>();
  const std::size_t name_bytes = in.get<std::uint16_t>();
  const std::size_t type_bytes = in.get<std::uint16_t>();
  const std::size_t space_bytes = in.get<std::uint16_t>();
  if (version < 1 || version > 3) return std::nullopt;
  if (version == 3) skip(in, 1);
  const auto part = [&](std::size_t bytes) {
    const ByteSpan raw = in.get_raw(version == 1 ? padded(bytes) : bytes);
    return raw.first(std::min(raw.size(), bytes));
  };
  Hdf5Attribute attribute;
  const ByteSpan name = part(name_bytes);
  const auto end = std::ranges::find(name, std::byte{0});
  attribute.name = {reinterpret_cast<const char*>(name.data()),
                    static_cast<std::size_t>(end - name.begin())};
  attribute.plain = version == 1 || (flags & 3U) == 0;
  const ByteSpan type = part(type_bytes);
  const ByteSpan space = part(space_bytes);
  if (!in.ok()) return std::nullopt;
  attribute.type = type_in(type);
  attribute.space = space_in(space);
  const ByteSpan value = in.get_raw(in.left());
  attribute.value.assign(value.begin(), value.end());
  return attribute;
}

}  // namespace raven
