#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// Rows that stand one after the other in segments: sentences of tokens, trees of nodes.
struct Segments {
  std::int64_t count;
  const std::int32_t* lengths;  ///< [count], each at least 1
  std::int64_t rows;            ///< of all segments
  std::int64_t columns;
};
/// @throws InputError when a length is below 1 or they don't add up to the rows
void check_lengths(const Segments& segments);

enum class Reduction : std::uint8_t { sum, mean, max, first, last };

/// One row [columns] for each segment: what its rows [rows, columns] make. Sums run from the first
/// row to the last, in double.
/// @param place [count, columns], max only, kept for the way back: the first row with the largest
/// number, counted in its segment; may be null for the others
/// @throws InputError as check_lengths() does
void segment_reduce(Reduction how, const Segments& segments, const float* x, float* y,
                    std::int32_t* place);
void segment_reduce_backward(Reduction how, const Segments& segments, const std::int32_t* place,
                             const float* dy, float* dx, Accumulate accumulate);

/// y[indices[i], :] += x[i, :], in the order of i, into zeros [entries, width].
/// @throws InputError when an index is outside
void scatter(std::int64_t count, std::int64_t entries, std::int64_t width,
             const std::int32_t* indices, const float* x, float* y);
/// dx[i, :] (+)= dy[indices[i], :]
void scatter_backward(std::int64_t count, std::int64_t width, const std::int32_t* indices,
                      const float* dy, float* dx, Accumulate accumulate);

}  // namespace raven::kernels
