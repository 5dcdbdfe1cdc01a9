#pragma once

#include "raven/core/digest.hpp"

namespace raven {

/// The hash of a fixed set of kernel results: products of several shapes, exponentials, tanh, erf,
/// updates. Two processes with equal fingerprints are of one numerics class: they give the same
/// bits for the same snippet. Takes some milliseconds.
[[nodiscard]] Digest numerics_fingerprint();

}  // namespace raven
