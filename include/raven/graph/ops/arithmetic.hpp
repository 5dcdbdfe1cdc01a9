#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

// Element by element. The second operand has the shape of the first, or of its last dimensions, and
// then serves every row: [n, c] with [c]; [n, h, w, c] with [c] or [h, w, c].

[[nodiscard]] Variable add(Variable a, Variable b);
[[nodiscard]] Variable sub(Variable a, Variable b);
[[nodiscard]] Variable mul(Variable a, Variable b);
[[nodiscard]] Variable div(Variable a, Variable b);

/// factor x
[[nodiscard]] Variable scale(Variable x, double factor);
[[nodiscard]] Variable negate(Variable x);
[[nodiscard]] Variable exp(Variable x);
/// Natural logarithm.
[[nodiscard]] Variable log(Variable x);
[[nodiscard]] Variable sqrt(Variable x);
[[nodiscard]] Variable square(Variable x);
/// Its gradient at 0 is 0.
[[nodiscard]] Variable abs(Variable x);
/// x kept within [low, high]; its gradient is 1 inside and on the bounds, else 0.
[[nodiscard]] Variable clamp(Variable x, double low, double high);

}  // namespace raven
