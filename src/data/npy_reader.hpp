#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/npy_header.hpp"

namespace raven {

[[nodiscard]] bool is_real(NpyType type);
[[nodiscard]] bool is_text(NpyType type);

/// An array in NumPy's own file format, read row by row.
class NpyReader {
 public:
  /// Reads and checks the header. @throws InputError naming file and byte
  explicit NpyReader(std::unique_ptr<ByteSource> source);

  [[nodiscard]] NpyType type() const { return header_.type; }
  [[nodiscard]] const std::vector<std::int64_t>& dims() const { return header_.dims; }
  [[nodiscard]] std::int64_t rows() const { return header_.dims[0]; }
  /// Elements in one row, 1 for a plain list.
  [[nodiscard]] std::size_t row_elements() const { return row_elements_; }
  [[nodiscard]] ByteSource& source() const { return *source_; }

  /// The next row, little-endian; valid until the next call. @pre fewer than rows() rows were read
  [[nodiscard]] ByteSpan next_row();
  /// Element `i` of a row, as a whole number, as a real one, or as text (numbers as NumPy prints
  /// them, truth values as True and False). @throws InputError for what is no Unicode
  [[nodiscard]] std::int64_t whole_at(ByteSpan row, std::size_t i) const;
  [[nodiscard]] double real_at(ByteSpan row, std::size_t i) const;
  [[nodiscard]] std::string text_at(ByteSpan row, std::size_t i) const;
  /// An InputError that names the row read last. @return never
  [[noreturn]] void refuse_row(const std::string& problem, const std::string& remedy) const;

 private:
  std::unique_ptr<ByteSource> source_;
  NpyHeader header_;
  std::size_t row_elements_ = 1;
  std::int64_t next_ = 0;
  Bytes row_;
};

}  // namespace raven
