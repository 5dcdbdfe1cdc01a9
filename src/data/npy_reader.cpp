#include "data/npy_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/text_pieces.hpp"
#include "raven/core/error.hpp"
#include "raven/data/schema.hpp"

namespace raven {
namespace {

constexpr std::int64_t max_rows = std::int64_t{1} << 40;

template <class T>
T load(ByteSpan row, std::size_t i) {
  T value{};
  std::memcpy(&value, row.data() + i * sizeof(T), sizeof(T));
  return value;
}

/// IEEE 754 binary16: a sign, five bits of exponent, ten of fraction.
double half_of(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  double value = 0;
  if (exponent == 31) {
    value = fraction == 0 ? std::numeric_limits<double>::infinity()
                          : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

/// UTF-8 of a code point; nothing when it is none.
std::string utf8_of(std::uint32_t code) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  const auto tail = [&](int shift) { return byte(0x80U | (code >> shift & 0x3FU)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0U | code >> 6), tail(0)};
  if (code >= 0xD800 && code < 0xE000) return {};
  if (code < 0x10000) return {byte(0xE0U | code >> 12), tail(6), tail(0)};
  if (code < 0x110000) return {byte(0xF0U | code >> 18), tail(12), tail(6), tail(0)};
  return {};
}

}  // namespace

bool is_real(NpyType type) {
  return type == NpyType::f2 || type == NpyType::f4 || type == NpyType::f8;
}

bool is_text(NpyType type) { return type == NpyType::unicode || type == NpyType::bytes; }

NpyReader::NpyReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), header_(read_npy_header(*source_)) {
  if (header_.dims.empty()) {
    source_->refuse("the array is a single number", "the first dimension must count the rows");
  }
  std::size_t row_bytes = header_.item_bytes;
  for (std::size_t d = 0; d < header_.dims.size(); ++d) {
    const std::int64_t size = header_.dims[d];
    if (size < 1)
      source_->refuse("a dimension is not positive", "save an array that holds something");
    if (d == 0) {
      if (size > max_rows)
        source_->refuse("the header tells of more than 2^40 rows", "check the file");
      continue;
    }
    if (static_cast<std::size_t>(size) > SampleSchema::max_row_bytes / row_bytes) {
      source_->refuse("a row takes more than 256 MiB", "the first dimension must count the rows");
    }
    row_bytes *= static_cast<std::size_t>(size);
    row_elements_ *= static_cast<std::size_t>(size);
  }
  row_.resize(row_bytes);
}

void NpyReader::refuse_row(const std::string& problem, const std::string& remedy) const {
  source_->refuse("row " + std::to_string(next_ - 1) + ": " + problem, remedy);
}

ByteSpan NpyReader::next_row() {
  source_->read_exactly(row_, "the array data");
  ++next_;
  const std::size_t unit = header_.type == NpyType::unicode ? 4 : header_.item_bytes;
  if (header_.big_endian && unit > 1 && header_.type != NpyType::bytes) {
    for (std::size_t at = 0; at < row_.size(); at += unit) {
      std::reverse(row_.begin() + static_cast<std::ptrdiff_t>(at),
                   row_.begin() + static_cast<std::ptrdiff_t>(at + unit));
    }
  }
  if (header_.type == NpyType::b1 &&
      std::ranges::any_of(row_, [](std::byte b) { return b > std::byte{1}; })) {
    refuse_row("a truth value is neither 0 nor 1", "save the array with numpy.save");
  }
  return row_;
}

std::int64_t NpyReader::whole_at(ByteSpan row, std::size_t i) const {
  switch (header_.type) {
    case NpyType::b1:
    case NpyType::u1:
      return load<std::uint8_t>(row, i);
    case NpyType::i1:
      return load<std::int8_t>(row, i);
    case NpyType::u2:
      return load<std::uint16_t>(row, i);
    case NpyType::i2:
      return load<std::int16_t>(row, i);
    case NpyType::u4:
      return load<std::uint32_t>(row, i);
    case NpyType::i4:
      return load<std::int32_t>(row, i);
    case NpyType::u8: {
      const auto value = load<std::uint64_t>(row, i);
      constexpr auto top = std::numeric_limits<std::int64_t>::max();
      if (value > static_cast<std::uint64_t>(top)) {
        refuse_row(std::to_string(value) + " is beyond int64", "convert the array to float64");
      }
      return static_cast<std::int64_t>(value);
    }
    case NpyType::i8:
      return load<std::int64_t>(row, i);
    case NpyType::f2:
    case NpyType::f4:
    case NpyType::f8:
    case NpyType::unicode:
    case NpyType::bytes:
      return -1;
  }
  return -1;
}

double NpyReader::real_at(ByteSpan row, std::size_t i) const {
  if (header_.type == NpyType::f2) return half_of(load<std::uint16_t>(row, i));
  if (header_.type == NpyType::f4) return static_cast<double>(load<float>(row, i));
  if (header_.type == NpyType::f8) return load<double>(row, i);
  return static_cast<double>(whole_at(row, i));
}

std::string NpyReader::text_at(ByteSpan row, std::size_t i) const {
  if (header_.type == NpyType::b1) return whole_at(row, i) != 0 ? "True" : "False";
  if (is_real(header_.type)) {
    std::array<char, 32> buffer{};
    char* const end = buffer.data() + buffer.size();
    const double value = real_at(row, i);
    // Shortest in the array's own precision: 0.1 of float32 is 0.1, not 0.10000000149.
    return {buffer.data(), (header_.type == NpyType::f8
                                ? std::to_chars(buffer.data(), end, value)
                                : std::to_chars(buffer.data(), end, static_cast<float>(value)))
                               .ptr};
  }
  if (!is_text(header_.type)) return std::to_string(whole_at(row, i));
  const ByteSpan item = row.subspan(i * header_.item_bytes, header_.item_bytes);
  std::string text;
  if (header_.type == NpyType::bytes) {
    text.assign(reinterpret_cast<const char*>(item.data()), item.size());
  } else {
    for (std::size_t at = 0; at < item.size() / 4; ++at) {
      const std::string character = utf8_of(load<std::uint32_t>(item, at));
      if (character.empty()) {
        refuse_row("a string holds what is no Unicode", "save the array with numpy.save");
      }
      text += character;
    }
  }
  // NumPy fills shorter strings up with zeros.
  text.erase(text.find_last_not_of('\0') + 1);
  if (text.find('\0') != std::string::npos) {
    refuse_row("a string holds a zero character", "remove it");
  }
  try {
    (void)characters_of(text);
  } catch (const InputError& error) {
    refuse_row(error.problem(), error.remedy());
  }
  return text;
}

}  // namespace raven
