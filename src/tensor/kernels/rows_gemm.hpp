#pragma once

#include <cstddef>

#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// c [m, n] = a [m, k] b [k, n], or c += a b, on the calling thread: for products of few rows, as
/// steps of recurrent cells are, where OpenBLAS would spend as long packing b as multiplying.
/// Nothing is packed: b is read as it lies, and stays in the second-level cache from step to step.
/// Each sum runs over k in order, so an element's bits depend on neither m nor its place.
void rows_gemm(std::int64_t m, std::int64_t n, std::int64_t k, ConstMatrix a, ConstMatrix b,
               Matrix c, Accumulate accumulate);

/// What rows_gemm() hands to the code of each kind of CPU.
struct Operands {
  std::size_t k;
  const float* a;
  std::size_t a_stride;
  const float* b;
  std::size_t b_stride;
  float* c;
  std::size_t c_stride;
  bool add;
};

/// to [columns, rows] = from [rows, columns], dense.
void transpose(std::int64_t rows, std::int64_t columns, const float* from, float* to);

}  // namespace raven::kernels
