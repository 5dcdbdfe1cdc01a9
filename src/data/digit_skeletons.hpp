#pragma once

#include <cstdint>
#include <span>

namespace raven {

/// A place in the box of a digit: x from 0 to about 0.6, y from 0 (top) to 1.
struct PenPoint {
  float x = 0;
  float y = 0;
  friend bool operator==(const PenPoint&, const PenPoint&) = default;
};

/// One way to write a digit: strokes as points that a smooth curve runs through. A point given
/// twice in a row makes a corner there; `lift` ends a stroke.
struct DigitSkeleton {
  std::int32_t digit;
  std::span<const PenPoint> points;
};

inline constexpr PenPoint lift{-1, -1};

/// All ways to write digit 0 .. 9.
[[nodiscard]] std::span<const DigitSkeleton> digit_skeletons(std::int32_t digit);

}  // namespace raven
