#pragma once

#include "raven/core/random.hpp"

namespace raven {

/// sin(2 pi turns) to about 1e-6, by a polynomial instead of libm: made-up data must be the same
/// bytes, and so have the same digest, on every machine.
[[nodiscard]] inline float sine_of_turns(float turns) {
  float x = turns - static_cast<float>(static_cast<int>(turns));
  if (x < 0) x += 1;
  const float sign = x < 0.5F ? 1.0F : -1.0F;
  if (x >= 0.5F) x -= 0.5F;
  if (x > 0.25F) x = 0.5F - x;
  const float a =
      6.2831853F * x;  // in [0, pi / 2], where Taylor's series of degree 11 is exact enough
  const float b = a * a;
  const float series =
      1 +
      b * (-1.0F / 6 + b * (1.0F / 120 + b * (-1.0F / 5040 + b * (1.0F / 362880 - b / 39916800))));
  return sign * a * series;
}

/// A random stream for generators that uses only exactly rounded operations.
class ExactRandom : public RandomStream {
 public:
  using RandomStream::RandomStream;

  /// Nearly normal, mean 0 and variance 1, within +-3.5: the four bytes of one word added up (Irwin
  /// and Hall).
  float normal() {
    const std::uint32_t word = next();
    const auto sum =
        static_cast<float>((word & 255U) + (word >> 8 & 255U) + (word >> 16 & 255U) + (word >> 24));
    return (sum - 510.0F) * (1.0F / 147.8F);
  }
};

}  // namespace raven
