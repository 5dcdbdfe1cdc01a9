#include "raven/tensor/kernels/fill.hpp"

#include <algorithm>
#include <cmath>

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

constexpr double two_pi = 6.283185307179586;

/// Calls make(words, out, how many of the four) for each block of the stream.
template <class Make>
void fill_blocks(const RandomKey& key, std::int64_t count, float* out, const Make& make) {
  static_assert(elementwise_grain % 4 == 0, "ranges begin with a block of four words");
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; i += 4) {
      std::array<float, 4> values = make(key.words(static_cast<std::uint32_t>(i / 4)));
      std::copy_n(values.begin(), std::min<std::int64_t>(4, last - i), out + i);
    }
  });
}

}  // namespace

void fill(std::int64_t count, float value, float* out) {
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    std::fill(out + first, out + last, value);
  });
}

void fill_uniform(const RandomKey& key, std::int64_t count, float low, float high, float* out) {
  fill_blocks(key, count, out, [=](const std::array<std::uint32_t, 4>& words) {
    std::array<float, 4> values{};
    for (std::size_t j = 0; j < 4; ++j) values[j] = low + (high - low) * to_unit_float(words[j]);
    return values;
  });
}

void fill_normal(const RandomKey& key, std::int64_t count, float mean, float deviation,
                 float* out) {
  fill_blocks(key, count, out, [=](const std::array<std::uint32_t, 4>& words) {
    std::array<float, 4> values{};
    for (std::size_t j = 0; j < 4; j += 2) {
      // (0, 1], so that the logarithm is finite.
      const double u = (static_cast<double>(words[j]) + 1.0) * 0x1.0p-32;
      const double angle = two_pi * (static_cast<double>(words[j + 1]) * 0x1.0p-32);
      const double radius = std::sqrt(-2.0 * std::log(u)) * static_cast<double>(deviation);
      values[j] = static_cast<float>(static_cast<double>(mean) + radius * std::cos(angle));
      values[j + 1] = static_cast<float>(static_cast<double>(mean) + radius * std::sin(angle));
    }
    return values;
  });
}

}  // namespace raven::kernels
