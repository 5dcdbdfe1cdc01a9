#pragma once

#include <string_view>
#include <vector>

#include "raven/core/digest.hpp"

namespace raven {

/// A family of kernels, and the hash of what a fixed set of its calls gives.
struct NumericsPart {
  std::string_view kernels;
  Digest digest;
};

/// What the fingerprint is made of: tells which kernels of two processes differ.
[[nodiscard]] std::vector<NumericsPart> numerics_parts();

/// The hash of all parts: a sample of shapes, which finds most differences and proves nothing about
/// other shapes (see NumericsClass). Takes some tens of milliseconds.
[[nodiscard]] Digest numerics_fingerprint();

/// The fingerprint as checkpoints of formats 2 and 3 hold it: without the narrow products.
[[nodiscard]] Digest earlier_fingerprint();

}  // namespace raven
