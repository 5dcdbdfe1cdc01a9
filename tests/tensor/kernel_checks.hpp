#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "raven/core/random.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {

using Floats32 = std::vector<float>;

inline std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
inline double wide(float value) { return static_cast<double>(value); }

/// `count` floats in [low, high), the same for the same seed.
inline Floats32 some_floats(std::int64_t count, std::uint64_t seed, float low = -1.0F,
                            float high = 1.0F) {
  RandomStream stream({.seed = seed});
  Floats32 values(at(count));
  for (float& value : values) value = stream.uniform(low, high);
  return values;
}

/// |found - expected| <= tolerance * (|expected| + scale) for every element.
inline void expect_close(const Floats32& found, const std::vector<double>& expected,
                         double tolerance, double scale = 1.0) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(wide(found[i]), expected[i], tolerance * (std::abs(expected[i]) + scale))
        << "element " << i;
  }
}

inline bool same_bits(const Floats32& a, const Floats32& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// Runs `compute` (returns a vector of floats) alone and in pools of 1, 2 and 4 threads, expects
/// the same bits, and returns them.
template <class Compute>
Floats32 on_any_pool(const Compute& compute) {
  const Floats32 alone = compute();
  for (const int threads : {1, 2, 4}) {
    ComputePool pool(threads);
    Floats32 found;
    pool.run([&] { found = compute(); });
    EXPECT_TRUE(same_bits(alone, found)) << "with " << threads << " threads";
  }
  return alone;
}

}  // namespace raven
