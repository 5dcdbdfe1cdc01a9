#pragma once

#include "raven/graph/tape.hpp"

namespace raven {

/// (x - mean) / sqrt(variance + epsilon) * gamma + beta, mean and biased variance over the last
/// dimensions: gamma and beta have the shape of x's last dimension or dimensions, or both are empty
/// (then over the last dimension).
[[nodiscard]] Variable layer_norm(Variable x, Variable gamma = {}, Variable beta = {},
                                  double epsilon = 1.0e-5);

/// What batch_norm makes. Mean and variance carry no gradient: they are for Tape::add_statistic.
struct BatchNormed {
  Variable y;
  Variable mean;      ///< [channels]
  Variable variance;  ///< [channels], unbiased
};
/// Normalises each channel (last dimension) by its mean and biased variance over all rows of this
/// snippet: x [n, ..., channels], gamma and beta [channels].
[[nodiscard]] BatchNormed batch_norm(Variable x, Variable gamma, Variable beta,
                                     double epsilon = 1.0e-5);

/// The same with given statistics [channels], which count as constants.
[[nodiscard]] Variable batch_norm_inference(Variable x, Variable gamma, Variable beta,
                                            Variable mean, Variable variance,
                                            double epsilon = 1.0e-5);

}  // namespace raven
