#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "raven/data/sampler.hpp"

namespace raven {

/// Batches of samples of like length, for data whose samples differ in it: calls on them join into
/// fewer and larger ones. Random still: the shuffled order of an epoch is cut into spans of so many
/// batches, the samples of a span are sorted by length (those of one length stay as they were) and
/// cut into batches again, and the batches of a span come in random order. An epoch's last batch
/// stays the smaller one; which samples it has is random, too.
///
/// A pure function of (seed, epoch, lengths): any process finds any step's batch without those
/// before it, reading the lengths of one span. Every sample comes exactly once per epoch.
/// One thread at a time, since the last span is kept.
class LengthGroups {
 public:
  /// @param sampler tells size, batch, seed and the order before sorting
  /// @param batches of a span, at least 1
  /// @param length of a sample; always the same for the same one
  LengthGroups(const Sampler& sampler, std::int64_t batches,
               std::function<std::int64_t(std::int64_t sample)> length);

  /// Puts the batch of `step` into `samples`, shortest first. @pre step >= 0
  /// @throws whatever `length` does
  void batch_at(std::int64_t step, std::vector<std::int64_t>& samples);

 private:
  void load(std::int64_t epoch, std::int64_t span);

  Sampler sampler_;
  std::int64_t batches_;
  std::function<std::int64_t(std::int64_t)> length_;
  std::int64_t epoch_ = -1;  // of what is kept
  std::int64_t span_ = -1;
  std::vector<std::vector<std::int64_t>> kept_;  // by step of the span
};

}  // namespace raven
