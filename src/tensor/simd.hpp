#pragma once

#include <cstddef>
#include <cstdint>

// Compiled for the baseline, AVX2 and AVX-512 (and whatever else other architectures have). The x86
// targets between would double the compile time for machines that nobody trains on.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)

namespace raven {

/// Elements to a task where the work is memory traffic: big enough to hide a task's cost, small
/// enough for L2.
constexpr std::int64_t elementwise_grain = 32768;

/// The same in rows of `columns` elements.
constexpr std::int64_t rows_grain(std::int64_t columns) {
  return columns >= elementwise_grain || columns <= 0 ? 1 : elementwise_grain / columns;
}

/// Sizes are signed in raven's interfaces and unsigned in Highway's and the standard library's.
constexpr std::size_t as_size(std::int64_t count) { return static_cast<std::size_t>(count); }

}  // namespace raven
