#pragma once

#include <cstdint>

namespace raven::kernels {

/// Whether a kernel overwrites its result (beta = 0) or adds to it in place (beta = 1).
enum class Accumulate : std::uint8_t { no, yes };

/// Whether a matrix is used as it lies in memory or flipped.
enum class Transpose : std::uint8_t { no, yes };

/// C = op(A) op(B), or C += op(A) op(B); everything row-major and dense.
///
/// op(A) is [m, k] and op(B) is [k, n]: with Transpose::yes the memory holds A as [k, m], B as [n,
/// k]. C [m, n] is cut into tiles by m, n and k alone, each tile is the work of one thread, and
/// the tiles run in parallel, so the bits do not depend on the number of threads. m, n or k may be
/// 0.
void gemm(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
          const float* a, const float* b, float* c, Accumulate accumulate = Accumulate::no);

/// A matrix inside a larger one: `stride` floats from one row in memory to the next.
struct ConstMatrix {
  const float* data;
  std::int64_t stride;
};
struct Matrix {
  float* data;
  std::int64_t stride;
};

/// gemm() on matrices with row strides.
void gemm(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
          ConstMatrix a, ConstMatrix b, Matrix c, Accumulate accumulate = Accumulate::no);

/// `batch` independent products of dense matrices one after the other in memory (attention).
void batched_gemm(Transpose a_is, Transpose b_is, std::int64_t batch, std::int64_t m,
                  std::int64_t n, std::int64_t k, const float* a, const float* b, float* c,
                  Accumulate accumulate = Accumulate::no);

}  // namespace raven::kernels
