#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

/// Sets each element to 0 with probability p and scales the others by 1 / (1 - p). Which ones go
/// depends on seed, step, call and position of the sample in the batch, not on the snippet it fell
/// into. Records nothing when the tape is not training or p is 0. @pre 0 <= p < 1
[[nodiscard]] Variable dropout(Variable x, double p);

}  // namespace raven
