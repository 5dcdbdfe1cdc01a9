#pragma once

#include <cstdint>
#include <span>

#include "raven/data/import.hpp"

namespace raven {

/// A drawn digit is 28 x 28 x 1 bytes, white ink on black.
constexpr std::int64_t digit_side = 28;
constexpr std::size_t digit_bytes = static_cast<std::size_t>(digit_side * digit_side);

/// Draws handwriting-like digit `index` of the endless series `seed` and returns its class, 0 .. 9.
/// A pure function: stroke skeletons with shaken control points, slant, rotation, scale, shift,
/// elastic warp, pen width, blur and noise.
std::int32_t draw_digit(std::uint64_t seed, std::uint64_t index,
                        std::span<std::uint8_t, digit_bytes> pixels);

/// Writes `count` training digits and `count * valid_fraction` more for validation (of another
/// series) under options.folder, as the importers do. A larger count begins with the same digits.
ImportReport make_digits(std::int64_t count, const ImportOptions& options);

}  // namespace raven
