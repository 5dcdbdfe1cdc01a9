#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace raven {

/// Four 32-bit words of Philox4x32-10, a counter-based generator: a pure function of counter and
/// key (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011). No state, so any
/// process can make any number of the stream on its own.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                            std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// Names one stream of random numbers. The same four numbers give the same stream in every process.
struct RandomKey {
  std::uint64_t seed = 0;    ///< of the job
  std::uint64_t step = 0;    ///< optimizer step, or epoch for the sampler
  std::uint32_t op = 0;      ///< which call of the graph, or which purpose
  std::uint64_t sample = 0;  ///< position of the sample in its batch

  /// Words 4 * block .. 4 * block + 3 of the stream.
  [[nodiscard]] constexpr std::array<std::uint32_t, 4> words(std::uint32_t block) const {
    // The sample's and the step's upper words fold into the key: steps above 2^32 stay distinct
    // streams.
    return philox(
        {block, op, static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(step)},
        {static_cast<std::uint32_t>(seed) ^ (static_cast<std::uint32_t>(step >> 32) * 0x85EBCA6BU),
         static_cast<std::uint32_t>(seed >> 32) ^ static_cast<std::uint32_t>(sample >> 32)});
  }
};

/// [0, 1) with 24 bits.
[[nodiscard]] constexpr float to_unit_float(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1.0p-24F;
}

/// Reads one stream number by number, for code that is not hot (initialisers, generators,
/// shuffles).
class RandomStream {
 public:
  explicit RandomStream(RandomKey key) : key_(key) {}

  std::uint32_t next() {
    if (used_ == 4) {
      words_ = key_.words(block_++);
      used_ = 0;
    }
    return words_[used_++];
  }
  /// Uniform in [0, 1).
  float uniform() { return to_unit_float(next()); }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// Uniform in [0, bound), without bias (Lemire 2019). @pre bound > 0
  std::uint32_t below(std::uint32_t bound) {
    for (;;) {
      const std::uint64_t product = std::uint64_t{next()} * bound;
      if (static_cast<std::uint32_t>(product) >= (0U - bound) % bound) {
        return static_cast<std::uint32_t>(product >> 32);
      }
    }
  }
  /// Standard normal (Box and Muller), computed in double so that it does not hang on a libm's
  /// float path.
  float normal() {
    const double u = (next() + 1.0) * 0x1.0p-32;
    const double v = next() * 0x1.0p-32;
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
  }

 private:
  RandomKey key_;
  std::array<std::uint32_t, 4> words_{};
  std::uint32_t block_ = 0;
  std::size_t used_ = 4;
};

}  // namespace raven
