#pragma once

#include <cstdint>

#include "raven/tensor/kernels/gemm.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven::kernels {

// Matrix products that lay out the right side only, once for as many calls as it serves, and read
// the left where it is, transposed or not. OpenBLAS lays out both sides in every call, which for a
// dozen rows costs as much as the arithmetic and for some hundreds still a tenth. Every element is
// one chain of fused multiply-adds in the order of k, so its bits depend on nothing but its row and
// column.

/// Element (r, k) at data[r * row + k * step].
struct LeftMatrix {
  const float* data;
  std::int64_t row;
  std::int64_t step;
};

/// Whether this CPU's vectors make it worth while: without fused multiply-adds OpenBLAS is faster.
[[nodiscard]] bool packed_products_pay();

/// Floats that a right side [k, n] takes when laid out.
[[nodiscard]] std::int64_t packed_floats(std::int64_t k, std::int64_t n);

/// Lays out the right side [k, n]: element (i, j) at b[i * stride + j], or transposed at
/// b[j * stride + i]. Serial.
void pack_right(Transpose is, std::int64_t k, std::int64_t n, ConstMatrix b, float* packed);

/// A right side, of which a product may use the rows [first, last) and the columns [0, columns).
struct PackedRight {
  const float* packed;
  std::int64_t k;  ///< rows when laid out
  std::int64_t first;
  std::int64_t last;
  std::int64_t columns;
};

/// c [rows, b.columns] = or += a [rows, b.last - b.first] b. Serial.
void packed_product(std::int64_t rows, LeftMatrix a, const PackedRight& b, Matrix c,
                    Accumulate accumulate);

/// A right side that many products of `rows` rows share, laid out or, where there are rows enough
/// for OpenBLAS to be the faster, left as it is: by shapes only.
class SharedRight {
 public:
  /// Keeps a view of b, which must not change meanwhile.
  SharedRight(Transpose is, std::int64_t k, std::int64_t n, ConstMatrix b, std::int64_t rows);

  /// c [rows, n] = or += a [rows, k] b, in parallel.
  void product(ConstMatrix a, Matrix c, Accumulate accumulate) const;

 private:
  [[nodiscard]] bool laid_out() const;

  Transpose is_;
  std::int64_t k_;
  std::int64_t n_;
  ConstMatrix b_;
  std::int64_t rows_;
  Scratch packed_;
};

}  // namespace raven::kernels
