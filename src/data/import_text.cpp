#include <algorithm>
#include <cmath>
#include <set>

#include "data/line_reader.hpp"
#include "data/new_dataset.hpp"
#include "data/split_writer.hpp"
#include "data/text_parts.hpp"
#include "data/text_pieces.hpp"
#include "data/vocabulary_learner.hpp"
#include "raven/core/error.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

constexpr std::size_t usual_shard_bytes = std::size_t{64} << 20;

/// One of the two data sets that a text becomes.
class Side {
 public:
  Side(const char* name, const ImportOptions& options, const SampleSchema& schema,
       NewDataset& files)
      : name_(name), options_(options), schema_(schema), files_(files) {
    const std::size_t usual = std::max<std::size_t>(1, usual_shard_bytes / schema.row_bytes());
    rows_per_shard_ =
        options.rows_per_shard > 0 ? options.rows_per_shard : static_cast<std::int64_t>(usual);
  }

  /// Adds a sequence of two tokens or more. One that does not fit a shard goes on in the next,
  /// which begins with the last token of the one before: it is the target in one and the input in
  /// the other.
  void add(std::span<const std::int32_t> sequence) {
    const std::int64_t context = schema_.context();
    while (sequence.size() >= 2) {
      const std::int64_t room = rows_per_shard_ - rows_;
      const auto count = std::min(sequence.size(), static_cast<std::size_t>(room * context + 1));
      tokens_.insert(tokens_.end(), sequence.begin(),
                     sequence.begin() + static_cast<std::ptrdiff_t>(count));
      offsets_.push_back(static_cast<std::int64_t>(tokens_.size()));
      rows_ += windows_of(static_cast<std::int64_t>(count), context);
      sequence = sequence.subspan(count - 1);
      if (rows_ == rows_per_shard_) flush();
    }
  }

  /// Adds more of one long sequence; add() is not called meanwhile. What becomes shards is the same
  /// as if all of it was added at once.
  void stream(std::span<const std::int32_t> more) {
    waiting_.insert(waiting_.end(), more.begin(), more.end());
    const auto shard = static_cast<std::size_t>(rows_per_shard_ * schema_.context() + 1);
    std::size_t done = 0;
    for (; waiting_.size() - done > shard; done += shard - 1) {
      add(std::span(waiting_).subspan(done, shard));
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(done));
  }
  void end_stream() {
    add(waiting_);
    waiting_.clear();
  }

  /// Writes what is left. @return the manifest to write; none when there was nothing
  std::optional<Manifest> finish(const Vocabulary& vocabulary) {
    flush();
    if (shards_.empty()) return std::nullopt;
    Manifest manifest{.name = options_.name + "-" + name_,
                      .schema = schema_,
                      .class_names = {},
                      .vocabulary = vocabulary,
                      .shards = shards_,
                      .file = options_.folder / (std::string(name_) + ".yaml")};
    return manifest;
  }

 private:
  void flush() {
    if (rows_ == 0) return;
    const std::string file = files_.next_shard(name_);
    const Digest digest = write_token_shard(files_.path_of(file), schema_, tokens_, offsets_);
    shards_.push_back({.file = file,
                       .rows = rows_,
                       .sha256 = digest,
                       .sequences = static_cast<std::int64_t>(offsets_.size()) - 1,
                       .tokens = static_cast<std::int64_t>(tokens_.size())});
    tokens_.clear();
    offsets_.assign(1, 0);
    rows_ = 0;
  }

  const char* name_;
  const ImportOptions& options_;
  const SampleSchema& schema_;
  NewDataset& files_;
  std::int64_t rows_per_shard_ = 1;
  std::int64_t rows_ = 0;
  std::vector<std::int32_t> waiting_;  // of a stream
  std::vector<std::int32_t> tokens_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<ShardEntry> shards_;
};

SampleSchema schema_of(const TextOptions& text, const Vocabulary& vocabulary) {
  SampleSchema schema;
  schema.feature_type = FeatureType::i32;
  schema.feature_shape = {text.context};
  schema.vocabulary = vocabulary.size();
  schema.target_kind = TargetKind::next;
  schema.target_width = vocabulary.size();
  return schema;
}

/// A text to import: it is read as often as need be, part by part.
class Text {
 public:
  Text(const std::filesystem::path& file, const TextOptions& text, const ImportOptions& options)
      : input_(file), text_(text), options_(options) {}

  /// Calls visit(part) for each part. @throws InputError at the file
  template <class Visit>
  void visit(Visit visit_part) const {
    TextParts parts(input_, text_.unit, cut());
    std::string part;
    try {
      while (parts.next(part)) {
        visit_part(part);
        if (options_.progress) {
          options_.progress(
              {.rows = 0, .bytes_read = parts.stored_offset(), .bytes_total = input_.bytes()});
        }
      }
    } catch (const InputError& error) {
      if (!error.place().file.empty()) throw;
      throw InputError({input_.name()}, error.problem(), error.remedy());
    }
  }

  [[nodiscard]] const std::string& name() const { return input_.name(); }

 private:
  [[nodiscard]] TextParts::Cut cut() const {
    if (text_.sequences == TextOptions::Sequences::lines) return TextParts::Cut::between_lines;
    return text_.unit == TokenUnit::character ? TextParts::Cut::between_characters
                                              : TextParts::Cut::between_words;
  }

  InputFile input_;
  const TextOptions& text_;
  const ImportOptions& options_;
};

/// The front of the stream is to train on, its end to validate.
void split_stream(const Text& text, const Vocabulary& vocabulary, double valid_fraction,
                  Side& train, Side& valid) {
  std::size_t all = 0;
  if (valid_fraction > 0) {
    text.visit([&](const std::string& part) { all += vocabulary.encode(part).size(); });
  }
  const auto kept =
      static_cast<std::size_t>(std::floor(static_cast<double>(all) * (1.0 - valid_fraction)));
  std::size_t seen = 0;
  text.visit([&](const std::string& part) {
    const std::vector<std::int32_t> tokens = vocabulary.encode(part);
    const std::size_t front =
        valid_fraction > 0 ? std::min(tokens.size(), kept - std::min(kept, seen)) : tokens.size();
    train.stream(std::span(tokens).first(front));
    valid.stream(std::span(tokens).subspan(front));
    seen += tokens.size();
  });
  train.end_stream();
  valid.end_stream();
}

void split_lines(const Text& text, const Vocabulary& vocabulary, const ImportOptions& options,
                 Side& train, Side& valid) {
  std::int64_t line = 0;
  text.visit([&](const std::string& part) {
    for (std::string_view rest = part; !rest.empty(); ++line) {
      const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
      (is_validation_row(options, line) ? valid : train)
          .add(vocabulary.encode(rest.substr(0, end)));
      rest.remove_prefix(end);
    }
  });
}

/// Takes window and unit of another text. @throws InputError when it is none
TextOptions as_in(const Manifest& like, TextOptions text) {
  if (!like.schema.of_sequences() || !like.vocabulary) {
    throw InputError({like.file.string()}, "is no text, or does not say what its tokens are",
                     "name one that was imported by 'raven data import text'");
  }
  text.unit = like.vocabulary->unit();
  text.context = like.schema.context();
  return text;
}

/// Refuses characters that have no token, and counts words that have none.
class UnknownTokens {
 public:
  UnknownTokens(const Vocabulary& vocabulary, std::string whose)
      : vocabulary_(vocabulary), whose_(std::move(whose)) {
    if (vocabulary.unit() == TokenUnit::byte_pair) return;
    known_.insert(vocabulary.texts().begin(), vocabulary.texts().end());
  }

  void look(const Text& text) {
    if (vocabulary_.unit() == TokenUnit::word) {
      text.visit([&](const std::string& part) {
        for (const std::string_view word : words_of(part)) {
          ++words_;
          unknown_ += known_.contains(word) ? 0 : 1;
        }
      });
    }
    if (vocabulary_.unit() != TokenUnit::character) return;
    int line = 1;
    text.visit([&](const std::string& part) {
      for (const std::string_view piece : characters_of(part)) {
        if (!known_.contains(piece)) {
          throw InputError({text.name(), line},
                           "the character " + shown(piece) + " is none of the " +
                               std::to_string(vocabulary_.size()) + " of " + whose_,
                           "leave it out, or import all parts as one text");
        }
        line += piece == "\n" ? 1 : 0;
      }
    });
  }

  /// Empty when there are no words.
  [[nodiscard]] std::string in_words() const {
    if (words_ == 0) return {};
    return std::to_string(unknown_) + " of " + std::to_string(words_) +
           " words are not in the vocabulary of " + whose_ + " and became " +
           std::string(Vocabulary::unknown);
  }

 private:
  const Vocabulary& vocabulary_;
  std::string whose_;
  std::set<std::string_view> known_;
  std::int64_t words_ = 0;
  std::int64_t unknown_ = 0;
};

void check_options(const TextOptions& text, const ImportOptions& options) {
  constexpr std::int64_t most_context = std::int64_t{1} << 20;
  if (text.context < 1 || text.context > most_context) {
    throw InputError("a window can't have " + std::to_string(text.context) + " tokens",
                     "take 1 to " + std::to_string(most_context));
  }
  if (!(options.valid_fraction >= 0 && options.valid_fraction < 1)) {
    throw InputError("the fraction of validation rows must be in [0, 1)", "try 0.1");
  }
  constexpr std::int64_t most_rows = std::int64_t{1} << 30;
  if (options.rows_per_shard < 0 || options.rows_per_shard > most_rows / (4 * (text.context + 1))) {
    throw InputError("rows per shard make a shard of more than 1 GiB",
                     "leave it out to get about 64 MiB per shard");
  }
  if (!options.targets) {
    throw InputError("a text is its own target: each token is followed by the next",
                     "import it without --no-target; 'raven predict' takes it as it is");
  }
}

/// Characters of both parts, since none may lack a token; words and pairs of the first alone.
Vocabulary learnt(const TextOptions& options, const Text& text, const Text* valid) {
  VocabularyLearner learner(options.unit, options.vocabulary);
  text.visit([&](const std::string& part) { learner.add(part); });
  if (options.unit == TokenUnit::character && valid != nullptr) {
    valid->visit([&](const std::string& part) { learner.add(part); });
  }
  return learner.learnt();
}

}  // namespace

ImportReport import_text(const std::filesystem::path& file, const TextOptions& given,
                         const ImportOptions& options) {
  const TextOptions text = options.like ? as_in(*options.like, given) : given;
  check_options(text, options);
  const Text content(file, text, options);
  std::optional<Text> other;
  if (!options.valid_files.empty()) other.emplace(options.valid_files[0], text, options);
  try {
    const Vocabulary vocabulary =
        options.like ? *options.like->vocabulary : learnt(text, content, other ? &*other : nullptr);
    UnknownTokens unknown(vocabulary, options.like ? options.like->file.string() : file.string());
    if (options.like) unknown.look(content);
    if (other) unknown.look(*other);
    const SampleSchema schema = schema_of(text, vocabulary);
    NewDataset files(options.folder);
    Side train("train", options, schema, files);
    Side valid("valid", options, schema, files);
    ImportOptions undivided = options;
    undivided.valid_fraction = 0;
    const ImportOptions& division = other ? undivided : options;
    if (text.sequences == TextOptions::Sequences::whole) {
      split_stream(content, vocabulary, division.valid_fraction, train, valid);
      if (other) split_stream(*other, vocabulary, 0, valid, train);
    } else {
      split_lines(content, vocabulary, division, train, valid);
      if (other) split_lines(*other, vocabulary, division, valid, valid);
    }
    const std::optional<Manifest> trained = train.finish(vocabulary);
    if (!trained) {
      throw InputError("no two tokens are left for training",
                       "give more text, or a smaller fraction for validation");
    }
    ImportReport report = files.commit(*trained, valid.finish(vocabulary));
    if (std::string said = unknown.in_words(); !said.empty()) {
      report.remarks.push_back(std::move(said));
    }
    return report;
  } catch (const InputError& error) {
    if (!error.place().file.empty()) throw;
    throw InputError({file.string()}, error.problem(), error.remedy());
  }
}

}  // namespace raven
