#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "raven/core/bytes.hpp"
#include "raven/core/digest.hpp"
#include "raven/data/schema.hpp"

namespace raven {

/// All rows of one shard as stored, in memory. Immutable once loaded.
struct ShardRows {
  std::int64_t rows = 0;
  std::size_t feature_bytes = 0;  ///< of one row
  std::size_t target_bytes = 0;   ///< of one row
  std::unique_ptr<std::byte[]> features;
  std::unique_ptr<std::byte[]> targets;

  [[nodiscard]] const std::byte* features_of(std::int64_t row) const {
    return features.get() + static_cast<std::size_t>(row) * feature_bytes;
  }
  [[nodiscard]] const std::byte* targets_of(std::int64_t row) const {
    return targets.get() + static_cast<std::size_t>(row) * target_bytes;
  }
  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(rows) * (feature_bytes + target_bytes);
  }
};

/// What a shard must be for it to be loaded.
struct ShardExpectation {
  SampleSchema schema;
  std::int64_t rows = 0;
  std::int64_t sequences = 0;                    ///< of_sequences() only: how many there are
  std::int64_t tokens = 0;                       ///< and their tokens together
  std::optional<Digest> sha256{};                ///< checked before HDF5 sees the file
  std::size_t max_bytes = std::size_t{4} << 30;  ///< of rows, checked before memory is taken
};

/// Loads a shard that nobody vouches for: only the two plain datasets of docs/formats/shard.md are
/// accepted, sizes are checked before memory is taken, classes, tokens and reals are checked after.
/// Threads: any; calls into HDF5 are made one at a time.
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

}  // namespace raven
