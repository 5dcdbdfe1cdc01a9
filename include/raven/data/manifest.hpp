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

/// What a data set is: a plain struct. The file format is docs/formats/manifest.md.
struct Manifest {
  static constexpr int format_version = 1;

  std::string name;
  SampleSchema schema;
  std::vector<std::string> class_names;    ///< empty, or one per class
  std::optional<Vocabulary> vocabulary{};  ///< of token data: what the tokens mean, if known
  std::vector<ShardEntry> shards;
  std::filesystem::path file;  ///< where it was read from, for messages and to find the shards

  [[nodiscard]] std::int64_t rows() const;
  [[nodiscard]] std::filesystem::path path_of(const ShardEntry& shard) const;
  /// The same for any copy of the same data: depends on schema, rows and shard digests, not on
  /// names or folders.
  [[nodiscard]] Digest identity() const;
};

/// Reads and checks a manifest; opens no shard.
/// @throws InputError with every mistake found, one per line, each as file:line:column.
[[nodiscard]] Manifest read_manifest(const std::filesystem::path& file);

/// Writes the manifest to `file`, whole or not at all. @throws InputError when the disk won't have
/// it.
void write_manifest(const Manifest& manifest, const std::filesystem::path& file);

}  // namespace raven
