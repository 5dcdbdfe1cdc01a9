#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "data/byte_source.hpp"
#include "raven/data/import.hpp"

namespace raven {

/// A text in parts of a few MiB, so that one of any length takes bounded memory. Each part is a
/// plain text (plain_text()). Put together they are the text, and so are their characters, words,
/// chunks or lines: no part ends inside one.
class TextParts {
 public:
  enum class Cut : std::uint8_t {
    between_characters,
    between_words,  ///< and between chunks
    between_lines,
  };
  static constexpr std::size_t usual_bytes = std::size_t{4} << 20;
  static constexpr std::size_t most_bytes = std::size_t{16} << 20;
  static constexpr std::uint64_t most_text = std::uint64_t{1} << 30;

  /// @param usual_part bytes of a part before it is cut @param most_part that it may have when it
  /// can't be cut before
  TextParts(const InputFile& file, TokenUnit unit, Cut cut, std::size_t usual_part = usual_bytes,
            std::size_t most_part = most_bytes);

  /// Puts the next part there. @return false at the end
  /// @throws InputError when it is no text, or a part would be too long
  bool next(std::string& part);

  /// Bytes of the file, as stored, that were read.
  [[nodiscard]] std::uint64_t stored_offset() const { return source_->stored_offset(); }
  /// Lines that end before the part that next() gave.
  [[nodiscard]] int lines_before() const { return lines_before_; }

 private:
  [[nodiscard]] bool may_cut_at(std::size_t at) const;
  [[nodiscard]] std::size_t last_cut(std::size_t after) const;
  void fill(std::size_t bytes);
  void check(const std::string& part) const;

  std::unique_ptr<ByteSource> source_;
  TokenUnit unit_;
  Cut cut_;
  std::size_t usual_part_;
  std::size_t most_part_;
  std::string raw_;  // read and not handed out yet
  bool ended_ = false;
  std::uint64_t bytes_before_ = 0;
  int lines_before_ = 0;
  std::size_t part_bytes_ = 0;  // of the part that next() gave, as is the next
  int lines_ = 0;
};

}  // namespace raven
