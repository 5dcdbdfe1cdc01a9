#include "data/conll_columns.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::string_view names_comment = "# global.columns =";
constexpr std::array<std::string_view, 10> conll_u{"ID",    "FORM", "LEMMA",  "UPOS", "XPOS",
                                                   "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == line.npos; }

std::vector<std::string_view> cut(std::string_view line, bool tabs) {
  std::vector<std::string_view> fields;
  while (tabs) {
    const std::size_t end = line.find('\t');
    fields.push_back(line.substr(0, end));
    if (end == line.npos) return fields;
    line.remove_prefix(end + 1);
  }
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return fields;
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    fields.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

/// What CoNLL-2012 puts around documents, and the names of columns.
bool is_surely_comment(std::string_view line) {
  return line.starts_with(names_comment) || line.starts_with("#begin document") ||
         line.starts_with("#end document");
}

std::int64_t number_in(std::string_view digits) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole && digits.size() < 10 && digits[0] != '-' ? value : -1;
}

/// Whether one column numbers the words of each sentence: 1, 2, 3 with ranges and empty words at
/// their places.
class Numbering {
 public:
  void begin_sentence() {
    words_ = 0;
    last_empty_ = 0;
  }

  void add(std::string_view field, int line) {
    const WordNumber kind = word_number(field);
    const std::size_t sign = std::min(field.find_first_of("-."), field.size());
    const std::int64_t first = number_in(field.substr(0, sign));
    switch (kind) {
      case WordNumber::none:
        ++strangers_;
        if (stranger_line_ == 0) {
          stranger_line_ = line;
          stranger_ = field;
        }
        return;
      case WordNumber::word:
        expect(first == words_ + 1, field, line);
        ++numbers_;
        words_ = first;
        last_empty_ = 0;
        most_words_ = std::max(most_words_, words_);
        return;
      case WordNumber::range:
        specials_ = true;
        expect(first == words_ + 1 && number_in(field.substr(sign + 1)) > first, field, line);
        return;
      case WordNumber::empty: {
        specials_ = true;
        const std::int64_t place = number_in(field.substr(sign + 1));
        expect(first == words_ && place == last_empty_ + 1, field, line);
        last_empty_ = place;
        return;
      }
    }
  }

  [[nodiscard]] bool of_form() const { return stranger_line_ == 0; }
  /// A few strangers among numbers are mistakes; words of which some are numbers are no numbering.
  [[nodiscard]] bool all_but_of_form() const { return specials_ && numbers_ > 9 * strangers_; }
  [[nodiscard]] bool in_order() const { return broken_line_ == 0; }
  [[nodiscard]] bool has_specials() const { return specials_; }
  [[nodiscard]] std::int64_t most_words() const { return most_words_; }

  [[noreturn]] void refuse_stranger(const LineReader& reader) const {
    reader.refuse(stranger_line_,
                  "the column of numbers holds " + shown(stranger_) +
                      ", not 1, 2, 3 or, as CoNLL-U has "
                      "them, ranges (1-2) and empty words (1.1)",
                  "correct it, or name all columns in order with --columns and this one not ID");
  }
  [[noreturn]] void refuse_order(const LineReader& reader) const {
    reader.refuse(broken_line_,
                  "the number " + shown(broken_) + " does not follow word " +
                      std::to_string(broken_after_) +
                      " of its sentence, so ranges and empty words can't be told from words",
                  "correct it, or, if the column holds something else, name all columns in order "
                  "with --columns and this one not ID");
  }

 private:
  void expect(bool kept, std::string_view field, int line) {
    if (kept || broken_line_ > 0) return;
    broken_line_ = line;
    broken_ = field;
    broken_after_ = words_;
  }

  std::int64_t words_ = 0;
  std::int64_t last_empty_ = 0;
  std::int64_t most_words_ = 0;
  std::int64_t numbers_ = 0;
  std::int64_t strangers_ = 0;
  bool specials_ = false;
  int stranger_line_ = 0;
  std::string stranger_;
  int broken_line_ = 0;
  std::string broken_;
  std::int64_t broken_after_ = 0;
};

/// Looks at a file line by line, then says which column is which.
class Finder {
 public:
  Finder(const InputFile& file, const ConllOptions& conll)
      : conll_(conll), reader_(open_file_source(file)) {
    std::string name = file.path().filename().string();
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    by_name_ = name.ends_with(".conllu");
    columns_.names = conll.columns;
  }

  ConllColumns find() {
    bool first = true;
    for (std::string line; reader_.next(line);) {
      if (is_blank(line)) {
        first = true;
      } else if (first && line.front() == '#' && conll_.hash != ConllOptions::Hash::words) {
        comment(line);
      } else {
        word(line, first);
        first = false;
      }
    }
    if (columns_.count > 0) decide();
    return std::move(columns_);
  }

 private:
  void comment(const std::string& line) {
    if (line.starts_with(names_comment)) {
      const auto listed = cut(std::string_view(line).substr(names_comment.size()), false);
      const std::vector<std::string> told(listed.begin(), listed.end());
      if (columns_.count > 0 && told != columns_.names && conll_.columns.empty()) {
        reader_.refuse("the columns get other names in the middle of the file",
                       "import its parts one by one");
      }
      if (conll_.columns.empty()) columns_.names = told;
    }
    if (is_surely_comment(line) || unclear_line_ > 0) return;
    // Until the first word comes, nobody knows how many columns a word has.
    const std::size_t with_tabs = cut(line, true).size();
    const std::size_t with_blanks = cut(line, false).size();
    if (columns_.count == 0) {
      early_.push_back({reader_.number(), with_tabs, with_blanks});
      if (early_.size() > most_early) early_.erase(early_.begin());
    } else if ((columns_.tabs ? with_tabs : with_blanks) == columns_.count) {
      unclear_line_ = reader_.number();
    }
  }

  void word(const std::string& line, bool first) {
    if (columns_.count == 0) settle(line);
    columns_.split(reader_, line, fields_);
    for (auto& [column, numbering] : numberings_) {
      if (first) numbering.begin_sentence();
      numbering.add(fields_[column], reader_.number());
    }
  }

  /// At the first word.
  void settle(const std::string& line) {
    columns_.tabs = line.find('\t') != std::string::npos;
    columns_.count = cut(line, columns_.tabs).size();
    const std::vector<std::string>& names = columns_.names;
    if (by_name_ && names.empty() && (columns_.count != conll_u.size() || !columns_.tabs)) {
      reader_.refuse("the line has " + std::to_string(columns_.count) +
                         " columns, but CoNLL-U has 10, parted by tabs",
                     "name the columns in order with --columns, or the file otherwise");
    }
    if (!names.empty() && names.size() != columns_.count) {
      reader_.refuse("the line has " + std::to_string(columns_.count) +
                         " columns, but there are names for " + std::to_string(names.size()),
                     "name each column once, in order");
    }
    for (const Early& early : early_) {
      if ((columns_.tabs ? early.with_tabs : early.with_blanks) == columns_.count) {
        unclear_line_ = unclear_line_ > 0 ? unclear_line_ : early.line;
      }
    }
    numberings_.emplace_back(0, Numbering());
    for (std::size_t i = 1; i < names.size(); ++i) {
      if (is_id(i)) numberings_.emplace_back(i, Numbering());
    }
  }

  [[nodiscard]] bool is_id(std::size_t column) const {
    return column < columns_.names.size() &&
           (columns_.names[column] == "ID" || columns_.names[column] == "id");
  }

  void decide() {
    for (const auto& [column, numbering] : numberings_) {
      if (numbers_words(column, numbering)) columns_.id = columns_.id.value_or(column);
    }
    const bool ten = columns_.tabs && columns_.count == conll_u.size() && columns_.id == 0U;
    if (columns_.names.empty() && (by_name_ || ten)) {
      columns_.names.assign(conll_u.begin(), conll_u.end());
    }
    if (unclear_line_ > 0 && !columns_.id && conll_.hash == ConllOptions::Hash::ask) {
      reader_.refuse(unclear_line_,
                     "the line begins with # and has as many columns as a word, so it may be a "
                     "comment or a word",
                     "say --comments or --no-comments");
    }
    columns_.word = word_column();
    columns_.tag = conll_.tags ? tag_column() : columns_.word;
    if (conll_.tags && columns_.word == columns_.tag) {
      reader_.refuse("words and tags are both in column " + std::to_string(columns_.word + 1),
                     "choose another one for either");
    }
    if (columns_.id == columns_.word && !has_specials()) columns_.id.reset();
    if (columns_.id == columns_.word) {
      reader_.refuse("column " + columns_.told(columns_.word) +
                         " numbers the words, with ranges and empty words",
                     "choose the column of words");
    }
  }

  [[nodiscard]] bool numbers_words(std::size_t column, const Numbering& numbering) const {
    const bool declared = is_id(column) || (by_name_ && columns_.names.empty());
    if (!numbering.of_form()) {
      // A column may be called ID and hold something else.
      const bool meant = by_name_ ? declared : columns_.names.empty();
      if (meant && (by_name_ || numbering.all_but_of_form())) numbering.refuse_stranger(reader_);
      return false;
    }
    if (numbering.in_order()) {
      // A single sentence of one word, which is the number 1, is no evidence.
      return declared || numbering.most_words() > 1;
    }
    const bool may_be = declared || columns_.names.empty();
    if (may_be && numbering.has_specials()) numbering.refuse_order(reader_);
    return false;
  }

  [[nodiscard]] bool has_specials() const {
    return std::ranges::any_of(numberings_, [&](const auto& one) {
      return one.first == columns_.id && one.second.has_specials();
    });
  }

  [[nodiscard]] std::size_t word_column() const {
    if (!conll_.word.empty()) return column_of(conll_.word, "of words");
    if (const auto form = named("FORM")) return *form;
    if (columns_.id == 0U) {
      reader_.refuse("column 1 numbers the words (1, 2, 3), so it does not hold them",
                     "choose the column of words, for instance --word 2");
    }
    return 0;
  }

  [[nodiscard]] std::size_t tag_column() const {
    if (!conll_.tag.empty()) return column_of(conll_.tag, "of tags");
    return named("UPOS").value_or(columns_.count - 1);
  }

  [[nodiscard]] std::optional<std::size_t> named(std::string_view name) const {
    const auto found = std::ranges::find(columns_.names, name);
    if (found == columns_.names.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns_.names.begin());
  }

  [[nodiscard]] std::size_t column_of(const std::string& column, const char* what) const {
    if (const auto found = named(column)) return *found;
    const std::int64_t number = column.empty() ? -1 : number_in(column);
    if (number >= 1 && static_cast<std::size_t>(number) <= columns_.count) {
      return static_cast<std::size_t>(number) - 1;
    }
    std::string all;
    for (const std::string& name : columns_.names) all += (all.empty() ? "" : ", ") + name;
    reader_.refuse("there is no column " + shown(column) + " (" + what + "); the lines have " +
                       std::to_string(columns_.count),
                   all.empty() ? "give its number, from 1, or name all columns in order"
                               : "the columns are " + all);
  }

  static constexpr std::size_t most_early = 1024;
  struct Early {
    int line;
    std::size_t with_tabs;
    std::size_t with_blanks;
  };

  const ConllOptions& conll_;
  LineReader reader_;
  bool by_name_ = false;
  ConllColumns columns_;
  std::vector<std::string_view> fields_;
  std::vector<std::pair<std::size_t, Numbering>> numberings_;  // by column
  std::vector<Early> early_;                                   // lines with # before the first word
  int unclear_line_ = 0;
};

}  // namespace

WordNumber word_number(std::string_view field) {
  const std::size_t sign = field.find_first_of("-.");
  const bool begins = !field.empty() && number_in(field.substr(0, sign)) >= 0;
  if (!begins) return WordNumber::none;
  if (sign == field.npos) return WordNumber::word;
  if (sign + 1 == field.size() || number_in(field.substr(sign + 1)) < 0) return WordNumber::none;
  return field[sign] == '-' ? WordNumber::range : WordNumber::empty;
}

void ConllColumns::split(const LineReader& reader, std::string_view line,
                         std::vector<std::string_view>& fields) const {
  fields = cut(line, tabs);
  if (fields.size() == count) return;
  reader.refuse("the line has " + std::to_string(fields.size()) +
                    " columns, but the first word has " + std::to_string(count) +
                    (tabs ? ", parted by tabs" : ""),
                "complete the line; a blank line ends a sentence");
}

bool ConllColumns::is_comment(std::string_view line, bool first, ConllOptions::Hash hash) const {
  return first && line.front() == '#' && hash != ConllOptions::Hash::words;
}

std::string ConllColumns::told(std::size_t column) const {
  std::string text = std::to_string(column + 1);
  if (column < names.size()) text += " (" + names[column] + ")";
  return text;
}

ConllColumns find_columns(const InputFile& file, const ConllOptions& conll) {
  return Finder(file, conll).find();
}

}  // namespace raven
