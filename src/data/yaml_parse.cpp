#include <limits>
#include <utility>

#include "data/yaml_cursor.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

using Value = YamlDocument::Value;
using Kind = YamlDocument::Kind;

/// A recursive descent, as deep as ManifestLimits allow. Each function that reads a value leaves
/// the cursor behind it and returns its number.
class Parser {
 public:
  Parser(YamlDocument& document, const std::string& name)
      : document_(document), cursor_(document, name) {}

  void parse() {
    cursor_.skip_start();
    if (cursor_.at_end()) {
      add(Kind::nothing);
      return;
    }
    read_block(-1);
    cursor_.skip_to_content(true);
    if (!cursor_.at_end()) {
      cursor_.fail(cursor_.column() == 0 && cursor_.peek() == cursor_.peek(1)
                       ? "a second document"
                       : "the indentation does not fit the lines above");
    }
  }

 private:
  /// A list or map to which values are added.
  struct Open {
    std::uint32_t number;
    std::uint32_t last = 0;
  };

  std::uint32_t add(Kind kind) {
    if (document_.values.size() >= ManifestLimits::values) {
      throw InputError({cursor_.name(), static_cast<int>(cursor_.line()) + 1},
                       "more than " + std::to_string(ManifestLimits::values) +
                           " values, which would take more memory than a data set's description "
                           "should",
                       "take a smaller vocabulary, fewer classes or larger shards");
    }
    document_.values.push_back({.kind = kind,
                                .line = cursor_.line(),
                                .column = static_cast<std::uint32_t>(cursor_.column())});
    return static_cast<std::uint32_t>(document_.values.size() - 1);
  }

  Open open(Kind kind) {
    if (++depth_ > ManifestLimits::depth) {
      cursor_.fail("more than " + std::to_string(ManifestLimits::depth) +
                   " lists and maps inside each other");
    }
    return {add(kind)};
  }

  void put(Open& into, std::uint32_t number) {
    std::vector<Value>& values = document_.values;
    if (into.last == 0) {
      values[into.number].from = number;
    } else {
      values[into.last].next = number;
    }
    into.last = number;
    ++values[into.number].count;
  }

  std::uint32_t close(const Open& done) {
    --depth_;
    return done.number;
  }

  [[nodiscard]] bool at_quote() const { return cursor_.peek() == '"' || cursor_.peek() == '\''; }
  [[nodiscard]] bool at_bracket() const { return cursor_.peek() == '[' || cursor_.peek() == '{'; }
  [[nodiscard]] bool at_item() const { return cursor_.peek() == '-' && cursor_.blank_at(1); }
  [[nodiscard]] bool at_colon() const { return cursor_.peek() == ':' && cursor_.blank_at(1); }
  /// Whether a comment or the line's end is all that follows in it.
  bool line_is_over() {
    cursor_.skip_blanks();
    return cursor_.at_line_end() || cursor_.peek() == '#';
  }

  /// `~` and `null` without quotes are nothing.
  void settle_plain(Value& value) {
    const std::string_view text = document_.text_of(value);
    if (text == "~" || text == "null") value.kind = Kind::nothing;
  }

  /// One scalar within a line.
  std::uint32_t read_scalar(bool in_flow) {
    const std::uint32_t number = add(Kind::scalar);
    Value value = document_.values[number];
    if (at_quote()) {
      cursor_.read_quoted(value);
    } else {
      cursor_.read_plain(value, in_flow);
    }
    document_.values[number] = value;
    return number;
  }

  /// Lines that follow a plain scalar and are indented by more than `parent` belong to it.
  void read_folded_lines(std::uint32_t number, int parent) {
    while (cursor_.at_line_end() && !cursor_.at_end()) {
      const YamlCursor::Mark before = cursor_.mark();
      cursor_.skip_to_content(true);
      if (cursor_.at_end() || cursor_.column() <= parent) {
        cursor_.back_to(before);
        return;
      }
      cursor_.fold_plain(document_.values[number], false);
      if (at_colon()) cursor_.fail("the indentation does not fit the lines above");
    }
  }

  /// What stands behind `key: `, in the same line. @param parent the map's column
  std::uint32_t read_inline(int parent) {
    if (at_bracket()) return read_flow_line();
    const bool quoted = at_quote();
    const std::uint32_t number = read_scalar(false);
    if (!quoted) {
      read_folded_lines(number, parent);
      settle_plain(document_.values[number]);
    }
    if (!line_is_over()) cursor_.fail("a ':' or a text where the line should end");
    return number;
  }

  /// A value that begins here and is indented by more than `parent`.
  std::uint32_t read_block(int parent) {
    if (at_item()) return read_block_list(cursor_.column());
    if (at_bracket()) return read_flow_line();
    // A key or a scalar: that is known behind it.
    const YamlCursor::Mark before = cursor_.mark();
    const std::size_t values = document_.values.size();
    const std::size_t unescaped = document_.unescaped.size();
    const std::uint32_t line = cursor_.line();
    read_scalar(false);
    cursor_.skip_blanks();
    const bool is_key = at_colon() && cursor_.line() == line;
    cursor_.back_to(before);
    document_.values.resize(values);
    document_.unescaped.resize(unescaped);
    return is_key ? read_block_map(cursor_.column()) : read_inline(parent);
  }

  std::uint32_t read_block_map(int column) {
    Open map = open(Kind::map);
    do {
      const std::uint32_t line = cursor_.line();
      put(map, read_scalar(false));
      cursor_.skip_blanks();
      if (!at_colon() || cursor_.line() != line) cursor_.fail("a ':' is missing behind a key");
      cursor_.advance(1);
      if (line_is_over()) {
        put(map, read_below(column, true));
      } else {
        put(map, read_inline(column));
      }
    } while (goes_on(column));
    return close(map);
  }

  std::uint32_t read_block_list(int column) {
    Open list = open(Kind::list);
    do {
      if (!at_item()) break;  // a list in the column of its key: the next key follows
      cursor_.advance(1);
      put(list, line_is_over() ? read_below(column, false) : read_block(column));
    } while (goes_on(column));
    return close(list);
  }

  /// What stands in the lines below; nothing when they are not indented.
  /// @param list_may_stay whether a list may be indented as little as its key
  std::uint32_t read_below(int column, bool list_may_stay) {
    const YamlCursor::Mark before = cursor_.mark();
    cursor_.skip_to_content(true);
    const bool inside =
        cursor_.column() > column || (list_may_stay && cursor_.column() == column && at_item());
    if (!cursor_.at_end() && inside) return read_block(column);
    cursor_.back_to(before);
    return add(Kind::nothing);
  }

  /// Goes to the next line with content. @return whether it belongs to the block in that column
  bool goes_on(int column) {
    const YamlCursor::Mark before = cursor_.mark();
    cursor_.skip_to_content(true);
    if (cursor_.at_end() || cursor_.column() < column) {
      cursor_.back_to(before);
      return false;
    }
    if (cursor_.column() > column) {
      cursor_.fail("the indentation does not fit the lines above");
    }
    if (column == 0 && is_document_mark()) cursor_.fail("a second document");
    return true;
  }

  [[nodiscard]] bool is_document_mark() const {
    const char c = cursor_.peek();
    return (c == '-' || c == '.') && cursor_.peek(1) == c && cursor_.peek(2) == c &&
           cursor_.blank_at(3);
  }

  /// A list or a map in brackets, with which a line ends.
  std::uint32_t read_flow_line() {
    const std::uint32_t number = read_flow();
    if (!line_is_over()) cursor_.fail("a text behind a closing bracket; keys are words");
    return number;
  }

  /// A list or a map in brackets.
  std::uint32_t read_flow() {
    const bool is_map = cursor_.peek() == '{';
    const char end = is_map ? '}' : ']';
    Open into = open(is_map ? Kind::map : Kind::list);
    cursor_.advance(1);
    for (;;) {
      cursor_.skip_to_content(false);
      if (cursor_.at_end())
        cursor_.fail(std::string("a '") + (is_map ? '{' : '[') + "' is never closed");
      if (cursor_.peek() == end) break;
      if (is_map) {
        read_flow_entry(into);
      } else {
        put(into, read_flow_value());
      }
      cursor_.skip_to_content(false);
      if (cursor_.peek() == ',') {
        cursor_.advance(1);
      } else if (cursor_.at_end() || cursor_.peek() != end) {
        cursor_.fail(std::string("a ',' or a '") + end + "' is missing");
      }
    }
    cursor_.advance(1);
    return close(into);
  }

  void read_flow_entry(Open& map) {
    const bool quoted = at_quote();
    if (at_bracket()) cursor_.fail("a key that is a list or a map; keys are words");
    put(map, read_scalar(true));
    cursor_.skip_to_content(false);
    if (cursor_.peek() != ':') {
      put(map, add(Kind::nothing));
      return;
    }
    cursor_.advance(1);
    if (!quoted && !cursor_.blank_at(0) && cursor_.peek() != ',' && cursor_.peek() != '}' &&
        !at_bracket()) {
      cursor_.fail("a blank is missing behind a ':'");
    }
    cursor_.skip_to_content(false);
    const bool empty = cursor_.peek() == ',' || cursor_.peek() == '}';
    put(map, empty ? add(Kind::nothing) : read_flow_value());
  }

  std::uint32_t read_flow_value() {
    if (at_bracket()) return read_flow();
    const bool quoted = at_quote();
    const std::uint32_t number = read_scalar(true);
    while (!quoted) {
      cursor_.skip_to_content(false);
      const char c = cursor_.peek();
      if (cursor_.at_end() || c == ',' || c == ']' || c == '}' || c == ':' || at_bracket()) break;
      cursor_.fold_plain(document_.values[number], true);
    }
    if (!quoted) settle_plain(document_.values[number]);
    return number;
  }

  YamlDocument& document_;
  YamlCursor cursor_;
  std::size_t depth_ = 0;
};

}  // namespace

YamlDocument parse_yaml_document(std::string text, const std::string& name) {
  static_assert(ManifestLimits::bytes < std::numeric_limits<std::uint32_t>::max() / 4);
  YamlDocument document;
  document.text = std::move(text);
  if (document.text.size() > ManifestLimits::bytes) {
    throw InputError({name}, "the file has more than 64 MiB", "check the path");
  }
  Parser(document, name).parse();
  return document;
}

}  // namespace raven
