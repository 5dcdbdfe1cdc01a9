#include <algorithm>
#include <charconv>
#include <optional>

#include "data/label_survey.hpp"
#include "data/ragged_writer.hpp"
#include "data/split_writer.hpp"
#include "raven/core/error.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t told_every = 4096;
constexpr std::string_view names_comment = "# global.columns =";

struct Sentence {
  std::vector<std::string> words;
  std::vector<std::string> tags;
};

/// At tabs if there is one, else at runs of blanks.
void split(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  if (line.find('\t') != std::string_view::npos) {
    for (;;) {
      const std::size_t end = line.find('\t');
      fields.push_back(line.substr(0, end));
      if (end == std::string_view::npos) return;
      line.remove_prefix(end + 1);
    }
  }
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.empty()) return;
    const std::size_t end = std::min(line.find(' '), line.size());
    fields.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

/// Which column is which, once the first word tells how many there are.
class Columns {
 public:
  explicit Columns(const ConllOptions& conll) : conll_(conll), names_(conll.columns) {}

  void name(const LineReader& reader, std::string_view list) {
    std::vector<std::string_view> fields;
    split(list, fields);
    const std::vector<std::string> told(fields.begin(), fields.end());
    if (count_ > 0 && told != names_) {
      reader.refuse("the columns get other names in the middle of the file",
                    "import its parts one by one");
    }
    if (conll_.columns.empty()) names_ = told;
  }

  /// @throws InputError when a word has another number of columns than the first one
  void check(const LineReader& reader, std::size_t count) {
    if (count_ == 0) settle(reader, count);
    if (count == count_) return;
    reader.refuse("the line has " + std::to_string(count) + " columns, but the first word has " +
                      std::to_string(count_),
                  "complete the line; a blank line ends a sentence");
  }

  [[nodiscard]] std::size_t word() const { return word_; }
  [[nodiscard]] std::size_t tag() const { return tag_; }
  /// Of CoNLL-U's word numbers.
  [[nodiscard]] std::optional<std::size_t> id() const { return id_; }

 private:
  void settle(const LineReader& reader, std::size_t count) {
    if (!names_.empty() && names_.size() != count) {
      reader.refuse("the line has " + std::to_string(count) + " columns, but there are names for " +
                        std::to_string(names_.size()),
                    "name each column once, in order");
    }
    word_ = find(reader, conll_.word, count, "of words");
    tag_ = conll_.tag.empty() ? count - 1 : find(reader, conll_.tag, count, "of tags");
    if (word_ == tag_) {
      reader.refuse("words and tags are both in column " + std::to_string(word_ + 1),
                    "choose another one for either");
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == "ID" || names_[i] == "id") id_ = i;
    }
    count_ = count;
  }

  [[nodiscard]] std::size_t find(const LineReader& reader, const std::string& column,
                                 std::size_t count, const char* what) const {
    const auto named = std::ranges::find(names_, column);
    if (named != names_.end()) return static_cast<std::size_t>(named - names_.begin());
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), number);
    if (error == std::errc{} && end == column.data() + column.size() && number >= 1 &&
        number <= count) {
      return number - 1;
    }
    std::string all;
    for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + name;
    reader.refuse("there is no column " + shown(column) + " (" + what + "); the line has " +
                      std::to_string(count),
                  names_.empty() ? "give its number, from 1, or name all columns in order"
                                 : "the columns are " + all);
  }

  const ConllOptions& conll_;
  std::vector<std::string> names_;
  std::size_t count_ = 0;
  std::size_t word_ = 0;
  std::size_t tag_ = 0;
  std::optional<std::size_t> id_;
};

/// Calls visit(reader, sentence) for each sentence.
template <class Visit>
void visit_sentences(const InputFile& file, const ConllOptions& conll, Visit visit) {
  LineReader reader(open_file_source(file));
  Columns columns(conll);
  Sentence sentence;
  std::string line;
  std::vector<std::string_view> fields;
  const auto finish = [&] {
    // What CoNLL-2003 puts between documents is no sentence.
    const bool document = sentence.words.size() == 1 && sentence.words[0] == "-DOCSTART-";
    if (!sentence.words.empty() && !document) visit(reader, sentence);
    sentence.words.clear();
    sentence.tags.clear();
  };
  while (reader.next(line)) {
    if (line.find_first_not_of(" \t") == std::string::npos) {
      finish();
      continue;
    }
    if (conll.comments && sentence.words.empty() && line.front() == '#') {
      if (line.starts_with(names_comment)) {
        columns.name(reader, std::string_view(line).substr(names_comment.size()));
      }
      continue;
    }
    split(line, fields);
    columns.check(reader, fields.size());
    // CoNLL-U: 3-4 is a word that stands there again in parts, 5.1 one that does not stand there.
    if (columns.id() && fields[*columns.id()].find_first_of("-.") != std::string_view::npos) {
      continue;
    }
    for (const std::size_t column : {columns.word(), columns.tag()}) {
      if (!fields[column].empty()) continue;
      reader.refuse("column " + std::to_string(column + 1) + " is empty", "fill it in");
    }
    sentence.words.emplace_back(fields[columns.word()]);
    sentence.tags.emplace_back(fields[columns.tag()]);
    if (sentence.words.size() > RaggedWriter::most_tokens) {
      reader.refuse("the sentence has more than 1048576 words", "put a blank line after each");
    }
  }
  finish();
}

}  // namespace

ImportReport import_conll(const std::filesystem::path& file, const ConllOptions& conll,
                          const ImportOptions& options) {
  const InputFile input(file);
  LabelSurvey survey;
  std::int64_t sentences = 0;
  visit_sentences(input, conll, [&](const LineReader& reader, const Sentence& sentence) {
    const bool valid = is_validation_row(options, sentences++);
    for (std::size_t i = 0; i < sentence.words.size(); ++i) {
      if (!valid) survey.add_word(reader, sentence.words[i]);
      if (!conll.ignore.empty() && sentence.tags[i] == conll.ignore) continue;
      survey.add_label(reader, sentence.tags[i], "choose the column of tags");
    }
  });
  if (survey.class_names().empty()) {
    throw InputError({file.string()}, "there is no sentence with a tag",
                     "check that this is a file of words in columns");
  }
  const LabelNumbers numbers(survey, conll.vocabulary, conll.least, conll.like);
  RaggedWriter writer(
      options,
      token_schema(SampleForm::sequence, TargetKind::tags, numbers.vocabulary.size(),
                   static_cast<std::int32_t>(numbers.class_names.size())),
      numbers.class_names, numbers.vocabulary);
  TokenSample sample;
  visit_sentences(input, conll, [&](const LineReader& reader, const Sentence& sentence) {
    sample.tokens.clear();
    sample.targets.clear();
    for (std::size_t i = 0; i < sentence.words.size(); ++i) {
      const std::string& tag = sentence.tags[i];
      const bool asks = conll.ignore.empty() || tag != conll.ignore;
      sample.tokens.push_back(numbers.vocabulary.token_of(sentence.words[i]));
      sample.targets.push_back(asks ? numbers.class_of(reader, tag) : SampleSchema::no_target);
    }
    writer.add(sample);
    if (options.progress && writer.rows() % told_every == 0) {
      options.progress({writer.rows(), reader.stored_offset(), input.bytes()});
    }
  });
  return writer.finish();
}

}  // namespace raven
