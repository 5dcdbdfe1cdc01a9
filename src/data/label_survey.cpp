#include "data/label_survey.hpp"

#include <algorithm>

#include "data/vocabulary_learner.hpp"
#include "raven/core/error.hpp"
#include "raven/core/number.hpp"
#include "raven/data/manifest.hpp"

namespace raven {
namespace {

constexpr std::size_t longest = 1024;
constexpr std::size_t most_labels = 4096;

}  // namespace

void LabelSurvey::add_word(const LineReader& reader, const std::string& word) {
  if (word.size() > longest) {
    reader.refuse("the word " + shown(word) + " is longer than 1024 bytes",
                  "check that this is the column, and the format, of words");
  }
  if (++words_[word] > 1) return;
  held_ += VocabularyLearner::bytes_of_word(word);
  if (held_ > VocabularyLearner::most_memory) {
    reader.refuse("there are more than " + std::to_string(words_.size()) +
                      " different words, more than are kept in memory",
                  "check that this is the column of words; learn from a smaller file, and import "
                  "the rest with --like");
  }
}

void LabelSurvey::add_label(const LineReader& reader, const std::string& label,
                            const char* remedy) {
  if (label.size() > longest) {
    reader.refuse("the label " + shown(label) + " is longer than 1024 bytes", remedy);
  }
  ++labels_[plain_name(label)];
  if (labels_.size() > most_labels) {
    reader.refuse("there are more than 4096 different labels", remedy);
  }
}

std::vector<std::string> LabelSurvey::class_names() const {
  std::vector<std::string> names;
  for (const auto& [label, count] : labels_) names.push_back(label);
  if (std::ranges::all_of(names,
                          [](const std::string& name) { return number_of(name).has_value(); })) {
    std::ranges::stable_sort(names, {}, [](const std::string& name) { return *number_of(name); });
  }
  return names;
}

LabelNumbers::LabelNumbers(const LabelSurvey& survey, std::int32_t limit, std::int64_t least,
                           const ImportOptions& options)
    : vocabulary(Vocabulary::of_counts(survey.words(), limit, least)),
      class_names(survey.class_names()),
      like(options.like) {
  if (!options.targets) class_names.clear();
  if (like) {
    const bool lacks_names = options.targets && like->class_names.empty();
    if (!like->vocabulary || like->vocabulary->unit() != TokenUnit::word || lacks_names) {
      throw InputError({like->file.string()}, "this data set has no words, or no names of classes",
                       "name one that was imported from sentences or trees");
    }
    vocabulary = *like->vocabulary;
    if (options.targets) class_names = like->class_names;
  }
  for (std::size_t i = 0; i < class_names.size(); ++i) {
    by_name.emplace(plain_name(class_names[i]), static_cast<std::int32_t>(i));
  }
}

std::int32_t LabelNumbers::token_of(const std::string& word) {
  const std::int32_t token = vocabulary.token_of(word);
  ++words;
  if (token == 0 && word != Vocabulary::unknown) ++unknown;
  return token;
}

std::string LabelNumbers::unknown_in_words() const {
  if (!like) return {};
  return std::to_string(unknown) + " of " + std::to_string(words) +
         " words are not in the vocabulary of " + like->file.string() + " and became " +
         std::string(Vocabulary::unknown);
}

std::int32_t LabelNumbers::class_of(const LineReader& reader, const std::string& label) const {
  const auto found = by_name.find(plain_name(label));
  if (found != by_name.end()) return found->second;
  if (!like) reader.refuse("the file changed while it was read", "try again");
  reader.refuse("the label " + shown(label) + " is none of those of " + like->file.string(),
                "correct it, or import all parts as one data set");
}

}  // namespace raven
