#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/input_file.hpp"
#include "data/line_reader.hpp"
#include "raven/data/import.hpp"

namespace raven {

/// Which column of a file of words is which.
struct ConllColumns {
  bool tabs = false;  ///< they are parted by tabs; else by runs of blanks
  std::size_t count = 0;
  std::size_t word = 0;
  std::size_t tag = 0;
  /// The one that numbers the words of a sentence as CoNLL-U does.
  std::optional<std::size_t> id{};
  std::vector<std::string> names{};  ///< empty, or one for each

  /// Cuts a line, reusing the memory. @throws InputError at the reader's line when it has another
  /// number of columns
  void split(const LineReader& reader, std::string_view line,
             std::vector<std::string_view>& fields) const;
  /// Whether the line stands between sentences without being a word.
  /// @param first no word of a sentence came before it
  [[nodiscard]] bool is_comment(std::string_view line, bool first, ConllOptions::Hash hash) const;
  /// "2 (FORM)"
  [[nodiscard]] std::string told(std::size_t column) const;
};

/// What CoNLL-U's first column says of a line: a word of its number, a word that stands there again
/// in parts (3-4), one that does not stand there (5.1), or none of these.
enum class WordNumber : std::uint8_t { word, range, empty, none };
[[nodiscard]] WordNumber word_number(std::string_view field);

/// Finds the columns by reading the file once: by the options, by a line `# global.columns = ...`,
/// and by what the columns hold. Ten columns of which the first numbers the words are CoNLL-U, as
/// is a file with that ending: words are FORM and tags UPOS unless the options say otherwise.
/// @throws InputError at a line that has another number of columns, or can be read in two ways
[[nodiscard]] ConllColumns find_columns(const InputFile& file, const ConllOptions& conll);

}  // namespace raven
