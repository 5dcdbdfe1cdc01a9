#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raven/data/schema.hpp"
#include "raven/data/vocabulary.hpp"

namespace raven {

struct Manifest;

struct ImportProgress {
  std::int64_t rows = 0;
  std::uint64_t bytes_read = 0;   ///< of the input as stored
  std::uint64_t bytes_total = 0;  ///< 0 when unknown
};

/// Where imported rows go. The importers stream: they hold one shard per side in memory, whatever
/// the input's size.
struct ImportOptions {
  std::filesystem::path
      folder{};  ///< made if missing; gets train.yaml, valid.yaml and their shards
  std::string name = "imported";
  std::int64_t rows_per_shard = 0;  ///< 0: as many as make about 64 MiB
  /// Of the rows, chosen by a hash of (seed, row number). 0: no valid.yaml.
  double valid_fraction = 0.1;
  std::uint64_t seed = 1;
  /// A data set that the input belongs to: its columns by name, classes, vocabulary, normalisation
  /// and origin are taken, and what it has no number for is refused. Null: found in the input.
  std::shared_ptr<const Manifest> like{};
  /// Another input of the same kind, as many files as it takes: it is to validate with, and no row
  /// of the first one is. Words, normalisation and, of arrays, classes are those of the first;
  /// other classes of both.
  std::vector<std::filesystem::path> valid_files{};
  /// False: the input has no targets, or they are left out. For samples that are only predicted.
  bool targets = true;
  /// Called now and then from the importing thread.
  std::function<void(const ImportProgress&)> progress{};
  /// Told what the input is taken for, before anything is written, and what was lost, after it. A
  /// line each, without its end.
  std::function<void(const std::string&)> say{};
};

struct ImportReport {
  std::filesystem::path train;                 ///< the manifest
  std::optional<std::filesystem::path> valid;  ///< none when no row fell there
  std::int64_t train_rows = 0;
  std::int64_t valid_rows = 0;
  /// How the input was read where it might be read otherwise, a sentence each.
  std::vector<std::string> remarks{};
};

/// In which order an array has an image's dimensions; raven's images are channels-last. ask: last,
/// and refused when the sizes look like channels first.
enum class Channels : std::uint8_t { ask, first, last };

/// Images and labels as MNIST has them (big-endian IDX of u8, gzip accepted), to u8 [height, width,
/// 1] and classes. All importers: @throws InputError naming file and line or byte offset.
ImportReport import_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                        const ImportOptions& options, Channels channels = Channels::ask);

struct CsvOptions {
  std::string target{};  ///< name of the target column; empty: the last one
  /// None: real when every target is a number and one isn't whole; classes when all are words, or
  /// few whole numbers. What may be either (words among numbers, many different whole numbers) is
  /// refused.
  std::optional<TargetKind> target_kind{};
  char separator = ',';
  std::vector<std::string> ignore{};  ///< columns to leave out, for instance row numbers
  /// The features by name and in their order; all others must be the target or be ignored. Empty:
  /// all that are neither.
  std::vector<std::string> features{};
  /// Whether the first line names the columns. Without one they are x1, x2, ... and may be named by
  /// number. ask: it does, and is refused when its cells could be data.
  enum class Header : std::uint8_t { ask, yes, no };
  Header header = Header::ask;
  /// Words for a missing value, beside the empty field. A row that lacks a value is refused, or
  /// left out.
  std::vector<std::string> missing{};
  bool drop_missing = false;
};

/// A table of numbers and a column of targets, quoted fields allowed, gzip accepted. Read twice:
/// once for class names and for mean and standard deviation of the training rows, once to write.
/// Columns whose numbers float32 can't tell apart are centred and scaled in float64 first
/// (Manifest::origin). Equal numbers are one class, however they are written.
ImportReport import_csv(const std::filesystem::path& file, const CsvOptions& csv,
                        const ImportOptions& options);

/// What the elements of arrays mean where their type leaves it open.
struct ArrayOptions {
  /// None: integers, truth values and strings are classes, real numbers values. What may be either
  /// (many different integers for so few rows) is refused.
  std::optional<TargetKind> target_kind{};
  /// Integers wider than u8 among the features. ask: token ids, refused when there are fewer tokens
  /// than ids.
  enum class Integers : std::uint8_t { ask, tokens, values };
  Integers integers = Integers::ask;
  Channels channels = Channels::ask;
};

/// Two NumPy arrays: features u8, truth values, real numbers or wider integers, targets integers,
/// truth values, strings (names of classes) or real numbers. Integer classes are their own numbers.
/// Real numbers that float32 can't tell apart are centred and scaled in float64 first.
ImportReport import_npy(const std::filesystem::path& features, const std::filesystem::path& targets,
                        const ImportOptions& options, const ArrayOptions& arrays = {});

struct NpzOptions {
  std::string features = "x";  ///< name of the array in the archive, without ".npy"
  std::string targets = "y";
  std::string valid_features{};  ///< of the part to validate with; empty: as above
  std::string valid_targets{};
  ArrayOptions arrays{};
};

ImportReport import_npz(const std::filesystem::path& file, const NpzOptions& npz,
                        const ImportOptions& options);

/// How a text becomes sequences of tokens.
struct TextOptions {
  TokenUnit unit = TokenUnit::character;
  std::int32_t vocabulary = 65536;  ///< most tokens
  std::int64_t context = 64;        ///< tokens in a window, which is a sample
  enum class Sequences : std::uint8_t {
    whole,  ///< one stream; its end is for validation
    lines,  ///< each line with two tokens or more; lines are chosen for validation by their number
  };
  Sequences sequences = Sequences::whole;
};

/// A text, perhaps gzipped, of at most 1 GiB, read part by part, to windows of tokens of which each
/// asks for the next. The vocabulary is learnt from all of it and stands in both manifests.
ImportReport import_text(const std::filesystem::path& file, const TextOptions& text,
                         const ImportOptions& options);

/// Sentences in columns, as CoNLL's shared tasks have them: a word a line, a blank line after each
/// sentence.
struct ConllOptions {
  /// A column's number, from 1, or its name. Empty: FORM and UPOS of CoNLL-U, which is recognised
  /// by its form or its file's ending, else the first column and the last.
  std::string word{};
  std::string tag{};
  bool tags = true;  ///< false: there is no column of tags, or it is left out
  /// Their names in order; empty: those of a line `# global.columns = ...`, if there is one.
  std::vector<std::string> columns{};
  std::string ignore{};  ///< a tag that asks for nothing: its words have the target -100
  /// What lines between sentences are that begin with #.
  enum class Hash : std::uint8_t {
    ask,       ///< comments, but refused where one may be a word
    comments,  ///< no words
    words,
  };
  Hash hash = Hash::ask;
  std::int32_t vocabulary = 65536;  ///< most tokens
  std::int64_t least = 1;           ///< words that stand there less often become `<unk>`
};

/// Such a file, perhaps gzipped, to sequences with a tag for each word. Read three times; sentences
/// are
/// chosen for validation by their number, words are counted in the others.
ImportReport import_conll(const std::filesystem::path& file, const ConllOptions& conll,
                          const ImportOptions& options);

/// Trees in brackets, as the Penn Treebank and the Stanford Sentiment Treebank have them:
/// (3 (2 It) (4 (2 's) (3 fun))).
struct TreeOptions {
  /// tags: the label of each node; classes: that of the root.
  TargetKind targets = TargetKind::tags;
  bool traces = false;              ///< keep elements without a word, (-NONE- *T*-1)
  bool categories = false;          ///< cut functions and indices off labels: NP-SBJ-1 becomes NP
  std::int32_t vocabulary = 65536;  ///< these two as in ConllOptions
  std::int64_t least = 1;
};

/// Such a file, perhaps gzipped, to trees. A node with one child becomes one with it and keeps the
/// upper label, if it has one; nodes may have any number of children. A wrapper around a whole tree
/// is taken off: (ROOT (S ...)), (TOP (S ...)), (S1 (S ...)) and ((S ...)) are (S ...). Read twice,
/// split as by import_conll().
ImportReport import_tree(const std::filesystem::path& file, const TreeOptions& trees,
                         const ImportOptions& options);

}  // namespace raven
