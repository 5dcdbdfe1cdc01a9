#include "raven/data/sampler.hpp"

#include <algorithm>
#include <bit>

#include "raven/core/contract.hpp"
#include "raven/core/random.hpp"

namespace raven {
namespace {

constexpr std::uint32_t shuffle_purpose = 0x53485546;  // keeps this stream apart from those of ops
constexpr std::uint32_t rounds = 10;

/// A permutation of the numbers below 2^bits: each round adds, to one half, a keyed function of the
/// other.
std::uint64_t permuted(std::uint64_t value, unsigned bits, std::uint64_t seed,
                       std::uint64_t epoch) {
  const unsigned low_bits = bits - bits / 2;
  const std::uint64_t low_mask = (std::uint64_t{1} << low_bits) - 1;
  const std::uint64_t high_mask = (std::uint64_t{1} << (bits / 2)) - 1;
  std::uint64_t low = value & low_mask;
  std::uint64_t high = value >> low_bits;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const bool to_low = round % 2 == 0;
    const RandomKey key{
        .seed = seed, .step = epoch, .op = shuffle_purpose, .sample = to_low ? high : low};
    const std::uint32_t mix = key.words(round)[0];
    if (to_low) {
      low ^= mix & low_mask;
    } else {
      high ^= mix & high_mask;
    }
  }
  return high << low_bits | low;
}

}  // namespace

std::int64_t sample_at(std::uint64_t seed, std::uint64_t epoch, std::int64_t position,
                       std::int64_t size) {
  expects(position >= 0 && position < size, "a position lies within its epoch");
  expects(size <= std::int64_t{1} << 62, "a data set has fewer than 2^62 samples");
  if (size == 1) return 0;
  const auto bound = static_cast<std::uint64_t>(size);
  const auto bits = static_cast<unsigned>(std::bit_width(bound - 1));
  auto value = static_cast<std::uint64_t>(position);
  // Less than half of the domain lies outside, so this takes two rounds on average at most; it ends
  // because the walk is a cycle that contains `position` itself.
  do {
    value = permuted(value, bits, seed, epoch);
  } while (value >= bound);
  return static_cast<std::int64_t>(value);
}

namespace {

/// The sample that lane `lane` has at step `at` of an epoch.
std::int64_t sample_of_lane(const Sampler& sampler, std::int64_t lane, std::int64_t at) {
  return lane * (sampler.size / sampler.batch) + std::min(lane, sampler.size % sampler.batch) + at;
}

}  // namespace

std::int64_t Sampler::batch_size(std::int64_t step) const {
  const std::int64_t first = step % steps_per_epoch() * batch;
  return std::min(batch, size - first);
}

void Sampler::batch_at(std::int64_t step, std::vector<std::int64_t>& samples) const {
  expects(size > 0 && batch > 0 && step >= 0, "a sampler has samples, a batch and a step");
  const std::int64_t first = step % steps_per_epoch() * batch;
  const std::int64_t count = batch_size(step);
  const auto epoch = static_cast<std::uint64_t>(epoch_of(step));
  samples.clear();
  if (order == SampleOrder::streams) {
    const std::int64_t at = step % steps_per_epoch();
    for (std::int64_t lane = 0; lane < count; ++lane) {
      samples.push_back(sample_of_lane(*this, lane, at));
    }
    return;
  }
  for (std::int64_t i = first; i < first + count; ++i) {
    samples.push_back(order == SampleOrder::shuffled ? sample_at(seed, epoch, i, size) : i);
  }
}

std::vector<std::int64_t> Sampler::batch_at(std::int64_t step) const {
  std::vector<std::int64_t> samples;
  batch_at(step, samples);
  return samples;
}

}  // namespace raven
