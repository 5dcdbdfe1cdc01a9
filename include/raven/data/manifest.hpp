#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/data/schema.hpp"
#include "raven/data/vocabulary.hpp"

namespace raven {

/// One shard as a manifest lists it.
struct ShardEntry {
  std::filesystem::path file;  ///< relative to the manifest's folder; never leaves it
  std::int64_t rows = 0;
  Digest sha256;               ///< of the whole file
  std::int64_t sequences = 0;  ///< of sequences that are cut into windows only
  std::int64_t tokens = 0;     ///< of those and of ragged data only
  std::int64_t nodes = 0;      ///< of trees only
  int line = 0;                ///< where the manifest says so, for messages
};

/// How stored rows become those that the manifest speaks of, see meaning.hpp.
struct RowMapping {
  SampleSchema stored;  ///< what the shards hold
  std::vector<std::int32_t>
      columns{};  ///< column i is the stored column columns[i]; empty: as stored
  std::vector<std::int32_t> classes{};  ///< stored class c is class classes[c]; empty: as stored
  friend bool operator==(const RowMapping&, const RowMapping&) = default;
};

/// How the numbers of an input became those that are stored: stored = (original - offset) / scale.
struct ColumnOrigin {
  double offset = 0;
  double scale = 1;
  friend bool operator==(const ColumnOrigin&, const ColumnOrigin&) = default;
};

/// What a data set is: a plain struct. The file format is docs/formats/manifest.md.
struct Manifest {
  /// Those that are read. The writer takes the first one that can say it all.
  static constexpr int oldest_version = 1;
  static constexpr int format_version = 2;

  std::string name;
  SampleSchema schema;
  std::vector<std::string> class_names;     ///< empty: unknown; or one per class
  std::vector<std::string> column_names{};  ///< of a table's features; empty: unknown
  std::string target_name{};                ///< empty: unknown
  std::optional<Vocabulary> vocabulary{};   ///< of token data: what the tokens mean, if known
  /// Of each column or channel, as many as there are in `schema.normalisation`, which speaks of the
  /// stored numbers; empty: those are the original ones.
  std::vector<ColumnOrigin> origin{};
  std::vector<ShardEntry> shards;
  std::filesystem::path file;  ///< where it was read from, for messages and to find the shards
  /// Set where the rows are taken for those of another data set: never in a file.
  std::optional<RowMapping> mapping{};

  [[nodiscard]] std::int64_t rows() const;
  [[nodiscard]] std::filesystem::path path_of(const ShardEntry& shard) const;
  /// What the shards hold: `schema` unless the rows are mapped.
  [[nodiscard]] const SampleSchema& stored_schema() const {
    return mapping ? mapping->stored : schema;
  }
  /// The same for any copy of the same data: depends on schema, rows, shard digests and mapping,
  /// not on names or folders.
  [[nodiscard]] Digest identity() const;
};

/// Reads and checks a manifest; opens no shard.
/// @throws InputError with every mistake found, one per line, each as file:line:column.
[[nodiscard]] Manifest read_manifest(const std::filesystem::path& file);

/// The manifest as its file has it. @pre the rows are not mapped
/// @throws InputError when read_manifest() would not take it: names or vocabulary are too large
[[nodiscard]] std::string text_of(const Manifest& manifest);
/// Writes the manifest to `file`, whole or not at all. @throws InputError when the disk won't have
/// it. @pre the rows are not mapped
void write_manifest(const Manifest& manifest, const std::filesystem::path& file);

}  // namespace raven
