#pragma once

#include <string>
#include <string_view>

#include "data/yaml_value.hpp"

namespace raven {

/// A place in a YAML text, and the scalars that stand there.
class YamlCursor {
 public:
  /// @param document takes the scalars that need characters of their own
  YamlCursor(YamlDocument& document, std::string name)
      : document_(document), text_(document.text), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  /// The character here, or so many further on; 0 at the end, and for a 0 in the text.
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return mark_.at + ahead < text_.size() ? text_[mark_.at + ahead] : '\0';
  }
  [[nodiscard]] bool at_end() const { return mark_.at >= text_.size(); }
  [[nodiscard]] std::uint32_t line() const { return mark_.line; }
  [[nodiscard]] int column() const { return static_cast<int>(mark_.at - mark_.line_start); }
  /// Whether a blank, a line's end or the text's end is so many characters further on.
  [[nodiscard]] bool blank_at(std::size_t ahead) const;
  [[nodiscard]] bool at_line_end() const;

  /// @pre no line ends there
  void advance(std::size_t characters) { mark_.at += characters; }
  void skip_blanks();
  /// Goes to the next character that is no blank, line's end or comment.
  /// @param in_block whether indentation matters, which can't be told with tabs
  void skip_to_content(bool in_block);
  /// Where the cursor is, to come back to.
  struct Mark {
    std::size_t at = 0;
    std::size_t line_start = 0;
    std::uint32_t line = 0;
  };
  [[nodiscard]] Mark mark() const { return mark_; }
  void back_to(const Mark& mark) { mark_ = mark; }

  /// Passes a byte order mark and a line `---`.
  void skip_start();

  /// Reads a scalar in quotes. @pre peek() is one
  void read_quoted(YamlDocument::Value& value);
  /// Reads a plain scalar, up to the line's end, a comment or what else ends it.
  /// @param in_flow whether brackets and commas end it @pre there is one
  void read_plain(YamlDocument::Value& value, bool in_flow);
  /// Adds what stands here to a plain scalar that was read before, as a line break is read.
  void fold_plain(YamlDocument::Value& value, bool in_flow);

  [[noreturn]] void fail(const std::string& problem) const;

 private:
  void new_line();
  void fold_quoted();
  void read_escape();
  void put_code_point(std::size_t digits);
  [[nodiscard]] std::string_view plain_here(bool in_flow);
  [[nodiscard]] std::string_view rest() const { return text_.substr(mark_.at); }

  YamlDocument& document_;
  std::string_view text_;
  std::string name_;
  Mark mark_;
};

}  // namespace raven
