#pragma once

#include <cstdint>
#include <vector>

namespace raven {

/// Which sample stands at `position` of `epoch`: a permutation of [0, size) without any state, so
/// that any process can find any batch alone and a run resumes in the middle of an epoch.
///
/// An alternating Feistel network over Philox on the next power of two, walked until it lands
/// inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002).
/// @pre 0 <= position < size
[[nodiscard]] std::int64_t sample_at(std::uint64_t seed, std::uint64_t epoch, std::int64_t position,
                                     std::int64_t size);

/// streams: the samples are cut into `batch` runs of neighbours, the lanes, of which the first
/// size % batch are one longer than the others; each step takes the next sample of every lane. So
/// what a step's row `i` is given goes on where row `i` of the step before it ended.
enum class SampleOrder : std::uint8_t { shuffled = 0, sequential = 1, streams = 2 };

/// Cuts epochs into batches. Steps count from 0 over the whole run; the last batch of an epoch
/// keeps what is left (of streams: the longer lanes), so every sample comes exactly once per epoch.
struct Sampler {
  std::uint64_t seed = 0;
  std::int64_t size = 0;   ///< of the data set
  std::int64_t batch = 1;  ///< samples per step
  SampleOrder order = SampleOrder::shuffled;

  [[nodiscard]] std::int64_t steps_per_epoch() const { return (size + batch - 1) / batch; }
  [[nodiscard]] std::int64_t epoch_of(std::int64_t step) const { return step / steps_per_epoch(); }
  /// Samples in the batch of `step`: `batch`, or fewer at the end of an epoch.
  [[nodiscard]] std::int64_t batch_size(std::int64_t step) const;
  /// Whether the rows of that step are the first of their lanes.
  [[nodiscard]] bool begins_lanes(std::int64_t step) const { return step % steps_per_epoch() == 0; }
  /// Puts the batch of `step` into `samples`, whose capacity is reused. @pre size > 0, batch > 0,
  /// step >= 0
  void batch_at(std::int64_t step, std::vector<std::int64_t>& samples) const;
  [[nodiscard]] std::vector<std::int64_t> batch_at(std::int64_t step) const;
};

}  // namespace raven
