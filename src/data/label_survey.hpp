#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/line_reader.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"
#include "raven/data/vocabulary.hpp"

namespace raven {

/// What the first reading of labelled words learns: how often each word stands there, and which
/// labels there are.
class LabelSurvey {
 public:
  /// @throws InputError at the reader's line when the word can't be one
  void add_word(const LineReader& reader, const std::string& word);
  /// @param remedy for when there are more different labels than classes can be
  void add_label(const LineReader& reader, const std::string& label, const char* remedy);

  /// By plain_name(), so `1` and `01` are one. Numbers in their order, other labels in that of
  /// their bytes.
  [[nodiscard]] std::vector<std::string> class_names() const;
  [[nodiscard]] const std::map<std::string, std::int64_t>& words() const { return words_; }

 private:
  std::map<std::string, std::int64_t> words_;
  std::map<std::string, std::int64_t> labels_;
  std::size_t held_ = 0;  // bytes of words, estimated
};

/// What words and labels become.
struct LabelNumbers {
  Vocabulary vocabulary;
  std::vector<std::string> class_names;
  std::map<std::string, std::int32_t> by_name;  ///< by plain_name()
  std::shared_ptr<const Manifest> like;
  std::int64_t words = 0;    ///< that were looked up
  std::int64_t unknown = 0;  ///< of those, that became `<unk>`

  /// As surveyed, or as options.like has them, if there is one.
  /// @throws InputError when that one has no words or no names of classes
  LabelNumbers(const LabelSurvey& survey, std::int32_t limit, std::int64_t least,
               const ImportOptions& options);
  /// Counts what it looks up.
  [[nodiscard]] std::int32_t token_of(const std::string& word);
  /// "3 of 17 words are not in the vocabulary of data/train.yaml and became <unk>"; empty when the
  /// vocabulary was learnt here.
  [[nodiscard]] std::string unknown_in_words() const;
  /// @throws InputError at the reader's line when there is no such label
  [[nodiscard]] std::int32_t class_of(const LineReader& reader, const std::string& label) const;
};

}  // namespace raven
