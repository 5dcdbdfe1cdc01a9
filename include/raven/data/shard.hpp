#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "raven/core/bytes.hpp"
#include "raven/core/digest.hpp"
#include "raven/data/row_views.hpp"
#include "raven/data/schema.hpp"

namespace raven {

/// Tells whether a file is still the one that was looked at before.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = -1;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;
};

/// All rows of one shard as stored, in memory. Immutable once loaded.
struct ShardRows {
  FileStamp stamp;  ///< of the file that they were read from
  std::int64_t rows = 0;
  std::size_t feature_bytes = 0;  ///< of one row; of ragged data: of one token
  std::size_t target_bytes = 0;   ///< of one row; of ragged data: of one target
  std::size_t bytes = 0;          ///< of all there is
  std::unique_ptr<std::byte[]> features;
  std::unique_ptr<std::byte[]> targets;

  std::vector<std::int64_t> starts;  ///< of sequences: the row of each one's first window

  // Ragged data: sample i is tokens token_offsets[i] .. token_offsets[i + 1], the latter not
  // included, of a tree the nodes likewise.
  std::vector<std::int64_t> token_offsets;
  std::vector<std::int64_t> node_offsets;  ///< trees
  std::unique_ptr<std::byte[]> parents;    ///< trees: i32 for each node
  enum class TargetOf : std::uint8_t { sample, token, node } target_of = TargetOf::sample;

  [[nodiscard]] const std::byte* features_of(std::int64_t row) const {
    return features.get() + place(token_offsets, row) * feature_bytes;
  }
  [[nodiscard]] const std::byte* targets_of(std::int64_t row) const {
    const auto i = target_of == TargetOf::sample  ? static_cast<std::size_t>(row)
                   : target_of == TargetOf::token ? place(token_offsets, row)
                                                  : place(node_offsets, row);
    return targets.get() + i * target_bytes;
  }
  /// @pre of trees
  [[nodiscard]] const std::byte* parents_of(std::int64_t row) const {
    return parents.get() + place(node_offsets, row) * 4;
  }
  [[nodiscard]] SampleExtent extent_of(std::int64_t row) const {
    SampleExtent extent;
    if (!token_offsets.empty()) extent.tokens = length(token_offsets, row);
    if (!node_offsets.empty()) extent.nodes = length(node_offsets, row);
    return extent;
  }

 private:
  [[nodiscard]] static std::size_t place(const std::vector<std::int64_t>& offsets,
                                         std::int64_t row) {
    const auto i = static_cast<std::size_t>(row);
    return offsets.empty() ? i : static_cast<std::size_t>(offsets[i]);
  }
  [[nodiscard]] static std::int64_t length(const std::vector<std::int64_t>& offsets,
                                           std::int64_t row) {
    return offsets[static_cast<std::size_t>(row) + 1] - offsets[static_cast<std::size_t>(row)];
  }
};

/// What a shard must be for it to be loaded.
struct ShardExpectation {
  SampleSchema schema;
  std::int64_t rows = 0;
  std::int64_t sequences = 0;      ///< of_sequences() only: how many there are
  std::int64_t tokens = 0;         ///< of_sequences() and ragged data: of all of them together
  std::int64_t nodes = 0;          ///< trees only: of all of them together
  std::optional<Digest> sha256{};  ///< checked before anything else is read
  /// The file of which sha256 is known already: it is not hashed again as long as it is that one.
  FileStamp hashed{};
  /// The folder that the file must not leave, by whatever links; none: it may be anywhere.
  std::optional<std::filesystem::path> within{};
  std::size_t max_bytes = std::size_t{4} << 30;  ///< of rows, checked before memory is taken

  /// What the rows take in memory; the largest number there is when they are beyond counting.
  [[nodiscard]] std::size_t bytes() const;
};

/// Loads a shard that nobody vouches for: only the plain datasets of docs/formats/shard.md are
/// accepted, sizes are checked before memory is taken, classes, tokens, trees and reals after.
/// HDF5's own library does not see the file (docs/adr/0016-shards-read-without-hdf5.md).
/// Threads: any.
/// @throws InputError naming the file, the object in it, the problem and a remedy.
[[nodiscard]] ShardRows load_shard(const std::filesystem::path& file,
                                   const ShardExpectation& expected);

/// Windows that a sequence is cut into: each token but the first is the target of just one of them.
/// @pre tokens >= 2, context >= 1
[[nodiscard]] constexpr std::int64_t windows_of(std::int64_t tokens, std::int64_t context) {
  return (tokens - 2) / context + 1;
}

/// Writes a shard, whole or not at all, and returns the SHA-256 of the file.
/// @param features, targets the raw rows, each of schema.feature_bytes() and schema.target_bytes()
/// @throws InputError when the disk won't have it.
Digest write_shard(const std::filesystem::path& file, const SampleSchema& schema, ByteSpan features,
                   ByteSpan targets);

/// The same for sequences: `tokens` one after the other, sequence i being [offsets[i], offsets[i +
/// 1]).
/// @pre offsets begin with 0, rise by at least 2 and end with the number of tokens
Digest write_token_shard(const std::filesystem::path& file, const SampleSchema& schema,
                         std::span<const std::int32_t> tokens,
                         std::span<const std::int64_t> offsets);

/// Samples of ragged data one after the other, as a shard stores them.
struct RaggedSamples {
  ByteSpan features;                            ///< of all tokens
  std::span<const std::int64_t> token_offsets;  ///< [samples + 1], from 0
  std::span<const std::int32_t> parents{};      ///< trees: of all nodes, see SampleSchema
  std::span<const std::int64_t> node_offsets{};
  ByteSpan targets;
};

/// The same for ragged data. @pre the parts belong together
Digest write_ragged_shard(const std::filesystem::path& file, const SampleSchema& schema,
                          const RaggedSamples& samples);

}  // namespace raven
