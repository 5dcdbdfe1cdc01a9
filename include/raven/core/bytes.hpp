#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace raven {

static_assert(std::endian::native == std::endian::little, "raven's formats are little-endian");

using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;

template <class T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Appends plain values to a byte string, little-endian, without padding.
class ByteWriter {
 public:
  template <Scalar T>
  void put(T value) {
    append(&value, sizeof value);
  }
  /// Raw bytes, no length in front.
  void put_raw(ByteSpan raw) { append(raw.data(), raw.size()); }
  /// A u32 length, then the characters.
  void put_string(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    put_raw(std::as_bytes(std::span(text)));
  }
  /// A u32 count, then the values.
  template <Scalar T>
  void put_list(std::span<const T> values) {
    put(static_cast<std::uint32_t>(values.size()));
    put_raw(std::as_bytes(values));
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  void append(const void* from, std::size_t count) {
    if (count == 0) return;
    const std::size_t end = bytes_.size();
    bytes_.resize(end + count);
    std::memcpy(bytes_.data() + end, from, count);
  }

  Bytes bytes_;
};

/// Reads what ByteWriter wrote, from bytes that nobody vouches for.
///
/// A read past the end, or a list longer than the bytes that are left, sets a flag that stays set
/// and yields zeros: decoders read everything, then ask ok() once. Nothing is allocated from a
/// number that was read before that number is checked against the bytes at hand.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : rest_(bytes) {}

  template <Scalar T>
  [[nodiscard]] T get() {
    T value{};
    const ByteSpan raw = take(sizeof value);
    if (raw.size() == sizeof value) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  [[nodiscard]] ByteSpan get_raw(std::size_t count) { return take(count); }
  [[nodiscard]] std::string get_string() {
    const ByteSpan raw = take(get<std::uint32_t>());
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }
  template <Scalar T>
  [[nodiscard]] std::vector<T> get_list() {
    const std::size_t count = get<std::uint32_t>();
    const ByteSpan raw = take(count * sizeof(T));
    std::vector<T> values(raw.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }
  /// Marks the input as bad: for a value that was read but makes no sense.
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  [[nodiscard]] bool ok() const { return !failed_; }
  /// All read, and nothing left over.
  [[nodiscard]] bool done() const { return ok() && rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  ByteSpan take(std::size_t count) {
    if (failed_ || count > rest_.size()) {
      fail();
      return {};
    }
    const ByteSpan raw = rest_.first(count);
    rest_ = rest_.subspan(count);
    return raw;
  }

  ByteSpan rest_;
  bool failed_ = false;
};

}  // namespace raven
