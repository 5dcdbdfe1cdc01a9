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

/// The hash of all parts. Two processes with equal fingerprints are of one numerics class: they
/// give the same bits for the same snippet. Takes some milliseconds.
[[nodiscard]] Digest numerics_fingerprint();

}  // namespace raven
