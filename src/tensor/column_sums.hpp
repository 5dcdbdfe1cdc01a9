#pragma once

#include <cstdint>

#include "raven/core/function_ref.hpp"

namespace raven {

/// A block of a [rows, columns] matrix.
struct MatrixBlock {
  std::int64_t row;
  std::int64_t column;
  std::int64_t rows;
  std::int64_t columns;
};

/// Sums over the rows of a matrix, in an order fixed by its shape: blocks in parallel, then the
/// blocks' sums in order.
///
/// @param results sums for each column, at once
/// @param add called for each block: adds its rows to sums[result * stride + c], c counting from
/// block.column
/// @param put called serially for each column with its `results` sums
void column_sums(std::int64_t rows, std::int64_t columns, int results,
                 FunctionRef<void(const MatrixBlock& block, double* sums, std::int64_t stride)> add,
                 FunctionRef<void(std::int64_t column, const double* sums)> put);

}  // namespace raven
