#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace raven {

/// Letters to insert, delete, change or swap with their neighbour to turn one word into the other,
/// where no letter is edited twice (Damerau 1964, optimal string alignment). Upper and lower case
/// count as equal.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `word` was probably meant to be: a word of the field for the same thing
/// ("dense" for linear), or the nearest by edit distance when it is near enough. Empty when none
/// is.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

/// A remedy for an unknown word: "did you mean 'batch'?", or all that is known when nothing is
/// near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> candidates);

}  // namespace raven
