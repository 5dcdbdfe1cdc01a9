// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_COLUMN_SUMS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_COLUMN_SUMS_INL_HPP
#undef RAVEN_TENSOR_COLUMN_SUMS_INL_HPP
#else
#define RAVEN_TENSOR_COLUMN_SUMS_INL_HPP
#endif

#include "tensor/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

/// Adds `term(io, at, i)` over the rows of a block to sums[i], where `at` is the element's place in
/// the matrix and i its column. Up to 64 rows are added in float, those sums in double.
template <class Term>
HWY_INLINE void add_rows(std::size_t rows, std::size_t columns, std::size_t stride, double* sums,
                         const Term& term) {
  constexpr std::size_t chunk = 64;
  for (std::size_t top = 0; top < rows; top += chunk) {
    const std::size_t bottom = rows - top < chunk ? rows : top + chunk;
    for_vectors(columns, [&](auto io, std::size_t i) HWY_ATTR {
      FloatVector total = hn::Zero(Floats());
      for (std::size_t row = top; row < bottom; ++row) {
        total = hn::Add(total, term(io, row * stride + i, i));
      }
      if (sums != nullptr) add_lanes(total, io.lanes(), sums + i);
    });
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
