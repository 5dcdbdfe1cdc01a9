#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "raven/data/manifest.hpp"
#include "raven/data/row_views.hpp"
#include "raven/data/schema.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

struct DatasetOptions {
  /// Bytes of raw rows kept in memory; the least recently used shard goes first. A read may exceed
  /// it by one shard per thread.
  std::size_t cache_bytes = std::size_t{4} << 30;
};

/// The samples of a manifest by number, 0 .. size() - 1. The same number always yields the same
/// sample.
///
/// Shards are loaded whole when first needed; each file's SHA-256 is checked then.
/// Threads: any may read at once.
class Dataset {
 public:
  /// Opens no shard yet.
  explicit Dataset(Manifest manifest, DatasetOptions options = {});
  ~Dataset();
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;

  /// Normalised features (or token ids) and targets of `samples`, in that order; of ragged data
  /// without padding, and where they end (RowViews).
  /// Allocates nothing when their shards are in memory.
  /// @pre every sample is in [0, size()); unless the data are ragged, features and targets are
  /// there and have the types that schema() tells for so many rows
  /// @throws InputError when a shard is missing, broken or not the one that the manifest names, or
  /// the views are not of the size that ragged samples need: a graph and the data disagree. Nothing
  /// is written then.
  void read(std::span<const std::int64_t> samples, const RowViews& to) const;

  /// What a sample takes. Loads its shard the first time; then it takes no lock and a few
  /// nanoseconds, also when the shard had to go. @throws InputError as read()
  [[nodiscard]] SampleExtent extent(std::int64_t sample) const;

  /// Whether nothing of its text stands before it: the first window of a sequence, and any sample
  /// that is no window. May load its shard, the first time. @throws InputError as read()
  [[nodiscard]] bool begins_sequence(std::int64_t sample) const;

  /// The same samples as raw rows (schema.hpp), to be sent to a process that can't open the shards.
  /// @pre rows.size() == raw_bytes(samples)
  void gather_raw(std::span<const std::int64_t> samples, std::span<std::byte> rows) const;

  [[nodiscard]] std::size_t raw_bytes(std::span<const std::int64_t> samples) const;

  [[nodiscard]] std::int64_t size() const;
  [[nodiscard]] const Manifest& manifest() const;
  [[nodiscard]] const SampleSchema& schema() const { return manifest().schema; }
  /// Bytes of raw rows in memory now.
  [[nodiscard]] std::size_t cached_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace raven
