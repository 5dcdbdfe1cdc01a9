#pragma once

#include "raven/core/function_ref.hpp"
#include "raven/tensor/kernels/gemm.hpp"

namespace raven::kernels {

/// A rectangle of the result of a matrix product.
struct Tile {
  std::int64_t row;
  std::int64_t column;
  std::int64_t rows;
  std::int64_t columns;
};

/// gemm() that calls `finish` for each tile right after its product, on the same thread, while it
/// is in cache.
void gemm_tiles(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
                ConstMatrix a, ConstMatrix b, Matrix c, Accumulate accumulate,
                FunctionRef<void(const Tile&)> finish);

/// One OpenBLAS call on the calling thread. @pre make_blas_serial() was called
void serial_gemm(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n, std::int64_t k,
                 ConstMatrix a, ConstMatrix b, Matrix c, Accumulate accumulate);

}  // namespace raven::kernels
