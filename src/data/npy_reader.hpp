#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/byte_source.hpp"

namespace raven {

/// Element types of NumPy arrays that can be imported.
enum class NpyType : std::uint8_t { u1, i1, u2, i2, u4, i4, u8, i8, f4, f8 };

[[nodiscard]] std::size_t bytes_of(NpyType type);
[[nodiscard]] bool is_real(NpyType type);

/// An array in NumPy's own file format (versions 1 to 3, C order, little-endian), read row by row.
class NpyReader {
 public:
  /// Reads and checks the header. @throws InputError naming file and byte
  explicit NpyReader(std::unique_ptr<ByteSource> source);

  [[nodiscard]] NpyType type() const { return type_; }
  [[nodiscard]] const std::vector<std::int64_t>& dims() const { return dims_; }
  [[nodiscard]] std::int64_t rows() const { return dims_[0]; }
  /// Elements in one row, 1 for a plain list.
  [[nodiscard]] std::size_t row_elements() const { return row_elements_; }
  [[nodiscard]] ByteSource& source() const { return *source_; }

  /// The next row as stored; valid until the next call. @pre fewer than rows() rows were read
  [[nodiscard]] ByteSpan next_row();
  /// Element `i` of a row, as a whole number or as a real one.
  [[nodiscard]] std::int64_t whole_at(ByteSpan row, std::size_t i) const;
  [[nodiscard]] double real_at(ByteSpan row, std::size_t i) const;

 private:
  void parse_header(const std::string& header);

  std::unique_ptr<ByteSource> source_;
  NpyType type_ = NpyType::f4;
  std::vector<std::int64_t> dims_;
  std::size_t row_elements_ = 1;
  Bytes row_;
};

}  // namespace raven
