#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// out[i, :] = table[indices[i], :]. @throws InputError when an index is outside [0, entries)
void embedding_forward(std::int64_t count, std::int64_t entries, std::int64_t width,
                       const std::int32_t* indices, const float* table, float* out);

/// dtable[indices[i], :] += dout[i, :], for equal indices in the order of i. Clears dtable
/// [entries, width] first unless it accumulates.
/// @param padding_index rows with this index get no gradient; -1 for none
void embedding_backward(std::int64_t count, std::int64_t entries, std::int64_t width,
                        const std::int32_t* indices, const float* dout, float* dtable,
                        Accumulate accumulate, std::int32_t padding_index = -1);

}  // namespace raven::kernels
