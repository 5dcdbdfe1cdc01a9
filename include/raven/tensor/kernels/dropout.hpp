#pragma once

#include <cstdint>

#include "raven/core/random.hpp"
#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// y[r, c] (+)= keep(r, c) ? x[r, c] / (1 - p) : 0, with keep drawn anew from Philox.
///
/// Row r belongs to sample `first.sample + r`; element c uses word c of that sample's stream and is
/// kept where to_unit_float(word) >= p. No mask is stored: the backward pass calls this again with
/// dy for x and dx for y. y == x is allowed when not accumulating. @pre 0 <= p < 1
void dropout(std::int64_t rows, std::int64_t columns, float p, const RandomKey& first,
             const float* x, float* y, Accumulate accumulate = Accumulate::no);

}  // namespace raven::kernels
