#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "raven/core/error.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

struct VerifyReport {
  std::vector<InputError> problems;  ///< all of them, in shard order; empty: the data set is sound
  std::int64_t rows = 0;             ///< checked and sound
  std::uint64_t bytes = 0;           ///< of shard files read
};

/// Reads every shard of the manifest: digest, form, counts, ranges. Gathers problems instead of
/// throwing.
[[nodiscard]] VerifyReport verify(const Manifest& manifest);

struct ChannelSummary {
  double min = 0;
  double max = 0;
  double mean = 0;
  double std = 0;
};

struct DatasetSummary {
  std::int64_t rows = 0;
  std::uint64_t bytes = 0;                 ///< of raw rows
  ChannelSummary features;                 ///< over all stored values, before normalisation
  std::vector<ChannelSummary> channels;    ///< one per channel, when there are at most 64
  std::int64_t tokens = 0;                 ///< ragged data: of all samples
  std::int64_t nodes = 0;                  ///< trees: of all samples
  ChannelSummary lengths;                  ///< ragged data: tokens of a sample
  std::vector<std::int64_t> class_counts;  ///< classes: rows of each; tags: tokens or nodes
  std::vector<ChannelSummary> targets;     ///< real: one per number, up to 4096
};

/// Reads every shard. @throws InputError at the first broken one.
[[nodiscard]] DatasetSummary describe(const Manifest& manifest);

}  // namespace raven
