#pragma once

#include <memory>
#include <string>

#include "data/byte_source.hpp"

namespace raven {

/// The lines of a UTF-8 text, perhaps gzipped, from front to back in constant memory: a line ends
/// with LF, CRLF or CR alone; a byte order mark in front is dropped.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteSource> source);

  /// The next line without its end, reusing the memory. @return false at the end
  /// @throws InputError at file:line when it is longer than 1 MiB or no UTF-8 text
  bool next(std::string& line);
  /// Of the last line, from 1.
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] std::uint64_t stored_offset() const { return source_->stored_offset(); }
  [[noreturn]] void refuse(int line, const std::string& problem, const std::string& remedy) const;
  /// At the last line.
  [[noreturn]] void refuse(const std::string& problem, const std::string& remedy) const {
    refuse(number_, problem, remedy);
  }

 private:
  void check(const std::string& line) const;

  std::unique_ptr<ByteSource> source_;
  std::string block_;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
  bool after_cr_ = false;  // an LF here is of the same end
  int number_ = 0;
};

/// Part of the input for a message; a hostile one may be a megabyte long.
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace raven
