#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/byte_source.hpp"

namespace raven {

/// Splits a CSV (RFC 4180) into records: quoted fields, doubled quotes, line breaks in quotes,
/// CRLF, LF or CR, and a byte order mark in front. Empty lines are skipped.
class CsvReader {
 public:
  CsvReader(std::unique_ptr<ByteSource> source, char separator);

  /// The next record into `fields`, reusing their memory. @return false at the end
  /// @throws InputError at file:line for a stray or unclosed quote, a record beyond 4 MiB,
  /// or what is no UTF-8
  bool next(std::vector<std::string>& fields);
  /// Line on which the last record began, from 1.
  [[nodiscard]] int line() const { return record_line_; }
  /// The first empty line right before the last record, or 0.
  [[nodiscard]] int empty_line() const { return empty_line_; }
  [[nodiscard]] std::uint64_t stored_offset() const { return source_->stored_offset(); }
  [[noreturn]] void refuse(int line, const std::string& problem, const std::string& remedy) const;

 private:
  /// The next byte, of a line end always LF, or -1 at the end.
  int peek();
  int take();
  void read_field(std::string& field);
  void read_quoted(std::string& field);
  void append(std::string& field, int c);
  void check_text(const std::string& field) const;

  std::unique_ptr<ByteSource> source_;
  char separator_;
  Bytes block_;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
  int line_ = 1;
  int record_line_ = 1;
  int empty_line_ = 0;
  std::size_t record_bytes_ = 0;
};

}  // namespace raven
