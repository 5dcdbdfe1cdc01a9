#include <memory>
#include <utility>

#include "data/conll_columns.hpp"
#include "data/label_survey.hpp"
#include "data/ragged_writer.hpp"
#include "data/split_writer.hpp"
#include "raven/core/error.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t told_every = 4096;

struct Sentence {
  std::vector<std::string> words;
  std::vector<std::string> tags;
};

/// Lines that are no words.
struct LeftOut {
  std::int64_t ranges = 0;
  std::int64_t empty_words = 0;

  LeftOut& operator+=(const LeftOut& other) {
    ranges += other.ranges;
    empty_words += other.empty_words;
    return *this;
  }
};

/// Calls visit(reader, sentence) for each sentence. @return what stands in the file beside words
template <class Visit>
LeftOut visit_sentences(const InputFile& file, const ConllOptions& conll,
                        const ConllColumns& columns, Visit visit) {
  LineReader reader(open_file_source(file));
  LeftOut left_out;
  Sentence sentence;
  bool first = true;
  std::string line;
  std::vector<std::string_view> fields;
  const auto finish = [&] {
    first = true;
    if (!sentence.words.empty()) visit(reader, sentence);
    sentence.words.clear();
    sentence.tags.clear();
  };
  while (reader.next(line)) {
    if (line.find_first_not_of(" \t") == std::string::npos) {
      finish();
      continue;
    }
    if (columns.is_comment(line, first, conll.hash)) continue;
    columns.split(reader, line, fields);
    const bool begins = std::exchange(first, false);
    if (columns.id) {
      const WordNumber number = word_number(fields[*columns.id]);
      left_out.ranges += number == WordNumber::range ? 1 : 0;
      left_out.empty_words += number == WordNumber::empty ? 1 : 0;
      if (number != WordNumber::word) continue;
    }
    // What CoNLL-2003 puts between documents is no word.
    if (begins && fields[columns.word] == "-DOCSTART-") {
      first = true;
      continue;
    }
    for (const std::size_t column : {columns.word, columns.tag}) {
      if (!fields[column].empty()) continue;
      reader.refuse("column " + columns.told(column) + " is empty", "fill it in");
    }
    sentence.words.emplace_back(fields[columns.word]);
    sentence.tags.emplace_back(fields[columns.tag]);
    if (sentence.words.size() > RaggedWriter::most_tokens) {
      reader.refuse("the sentence has more than 1048576 words", "put a blank line after each");
    }
  }
  finish();
  return left_out;
}

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// How the file was read, for whoever asked.
std::vector<std::string> remarks(const ConllColumns& columns, const LeftOut& left_out,
                                 const LabelNumbers& numbers) {
  std::vector<std::string> said{"words are column " + columns.told(columns.word)};
  if (columns.tag != columns.word) said[0] += ", tags column " + columns.told(columns.tag);
  if (numbers.like) said.push_back(numbers.unknown_in_words());
  if (left_out.ranges + left_out.empty_words > 0) {
    said.push_back("left out as CoNLL-U has them: " + counted(left_out.ranges, "range") +
                   " of words (such as 1-2) and " + counted(left_out.empty_words, "empty word") +
                   " (such as 1.1)");
  }
  return said;
}

/// Some treebanks come without their words, or have no such tags.
void expect_content(const std::filesystem::path& file, const ConllColumns& columns,
                    const LabelSurvey& survey) {
  const auto only_blanks = [](const auto& names) {
    return names.size() == 1 && *names.begin() == "_";
  };
  std::vector<std::string> words;
  for (const auto& [word, count] : survey.words()) {
    if (words.size() < 2) words.push_back(word);
  }
  for (const std::size_t column : {columns.word, columns.tag}) {
    if (!only_blanks(column == columns.word ? words : survey.class_names())) continue;
    throw InputError({file.string()}, "column " + columns.told(column) + " holds nothing but '_'",
                     "choose another one with --word or --tag; some treebanks come without their "
                     "words and have a script that fills them in");
  }
}

/// A file of sentences and its columns.
struct SentenceFile {
  SentenceFile(const std::filesystem::path& file, const ConllOptions& conll)
      : input(file), columns(find_columns(input, conll)) {}
  InputFile input;
  ConllColumns columns;
};

/// The file, then the one to validate with, if there is one.
using SentenceFiles = std::vector<std::unique_ptr<const SentenceFile>>;

LabelSurvey survey_of(const SentenceFiles& files, const ConllOptions& conll,
                      const ImportOptions& options) {
  LabelSurvey survey;
  for (std::size_t part = 0; part < files.size(); ++part) {
    std::int64_t sentences = 0;
    visit_sentences(files[part]->input, conll, files[part]->columns,
                    [&](const LineReader& reader, const Sentence& sentence) {
                      const bool valid = part > 0 || is_validation_row(options, sentences++);
                      for (std::size_t i = 0; i < sentence.words.size(); ++i) {
                        if (!valid) survey.add_word(reader, sentence.words[i]);
                        if (!options.targets) continue;
                        if (!conll.ignore.empty() && sentence.tags[i] == conll.ignore) continue;
                        survey.add_label(reader, sentence.tags[i], "choose the column of tags");
                      }
                    });
  }
  return survey;
}

}  // namespace

ImportReport import_conll(const std::filesystem::path& file, const ConllOptions& given,
                          const ImportOptions& options) {
  ConllOptions conll = given;
  conll.tags = options.targets;
  SentenceFiles files;
  files.push_back(std::make_unique<const SentenceFile>(file, conll));
  if (!options.valid_files.empty()) {
    files.push_back(std::make_unique<const SentenceFile>(options.valid_files[0], conll));
  }
  const ConllColumns& columns = files[0]->columns;
  const LabelSurvey survey = survey_of(files, conll, options);
  if (options.targets ? survey.class_names().empty() : survey.words().empty()) {
    throw InputError({file.string()},
                     options.targets ? "there is no sentence with a tag" : "there is no sentence",
                     "check that this is a file of words in columns");
  }
  expect_content(file, columns, survey);
  LabelNumbers numbers(survey, conll.vocabulary, conll.least, options);
  const bool named = options.targets && columns.tag < columns.names.size();
  RaggedWriter writer(
      options,
      token_schema(SampleForm::sequence, options.targets ? TargetKind::tags : TargetKind::none,
                   numbers.vocabulary.size(),
                   static_cast<std::int32_t>(numbers.class_names.size())),
      numbers.class_names, numbers.vocabulary, named ? columns.names[columns.tag] : std::string());
  TokenSample sample;
  LeftOut left_out;
  for (std::size_t part = 0; part < files.size(); ++part) {
    const InputFile& input = files[part]->input;
    std::int64_t sentences = 0;
    left_out += visit_sentences(
        input, conll, files[part]->columns,
        [&](const LineReader& reader, const Sentence& sentence) {
          sample.tokens.clear();
          sample.targets.clear();
          for (std::size_t i = 0; i < sentence.words.size(); ++i) {
            const std::string& tag = sentence.tags[i];
            const bool asks = conll.ignore.empty() || tag != conll.ignore;
            sample.tokens.push_back(numbers.token_of(sentence.words[i]));
            if (!options.targets) continue;
            sample.targets.push_back(asks ? numbers.class_of(reader, tag)
                                          : SampleSchema::no_target);
          }
          writer.add(part > 0 || is_validation_row(options, sentences++), sample);
          if (options.progress && writer.rows() % told_every == 0) {
            options.progress({writer.rows(), reader.stored_offset(), input.bytes()});
          }
        });
  }
  ImportReport report = writer.finish();
  report.remarks = remarks(columns, left_out, numbers);
  return report;
}

}  // namespace raven
