#include "tensor/kernels/epilogue.hpp"

#include "raven/core/contract.hpp"
#include "raven/tensor/kernels/linear.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/column_sums.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/epilogue.cpp"
#include "hwy/foreach_target.h"
#include "tensor/column_sums-inl.hpp"
#include "tensor/kernels/activation-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

void FinishTile(const kernels::Activation& kind, std::size_t rows, std::size_t columns,
                std::size_t stride, const float* bias, float* y, float* slopes) {
  const bool of_input = kernels::activation_needs_input(kind.kind);
  with_activation(kind, [=](const auto& f) HWY_ATTR {
    for (std::size_t row = 0; row < rows; ++row) {
      float* y_row = y + row * stride;
      float* slope_row = slopes == nullptr ? nullptr : slopes + row * stride;
      for_vectors(columns, [&](auto io, std::size_t i) HWY_ATTR {
        V value = io.load(y_row + i);
        if (bias != nullptr) value = Add(value, io.load(bias + i));
        const V result = f.value(value);
        if (slope_row != nullptr) io.store(f.slope(of_input ? value : result), slope_row + i);
        io.store(result, y_row + i);
      });
    }
  });
}

/// Slopes that were kept.
struct Kept {
  HWY_INLINE V slope(V kept) const { return kept; }
};

/// Calls use(f) with what makes slopes of what was kept.
template <class Use>
HWY_INLINE void with_slopes(const kernels::Activation& kind, const Use& use) {
  if (kernels::activation_needs_input(kind.kind)) return use(Kept{});
  with_activation(kind, use);
}

/// dz = dy f' for a block, and the sums of its columns unless `sums` is null.
void BiasActivationBackward(const kernels::Activation& kind, std::size_t rows, std::size_t columns,
                            std::size_t stride, const float* saved, const float* dy, float* dz,
                            double* sums) {
  with_slopes(kind, [=](const auto& f) HWY_ATTR {
    add_rows(rows, columns, stride, sums, [&](auto io, std::size_t at, std::size_t) HWY_ATTR {
      const V gradient = Mul(io.load(dy + at), f.slope(io.load(saved + at)));
      io.store(gradient, dz + at);
      return gradient;
    });
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(FinishTile);
HWY_EXPORT(BiasActivationBackward);

namespace kernels {

void finish_tile(const Activation& f, std::int64_t rows, std::int64_t columns, const float* bias,
                 Matrix y, float* slopes) {
  if (bias == nullptr && slopes == nullptr && f.kind == ActivationKind::identity) return;
  HWY_DYNAMIC_DISPATCH(FinishTile)
  (f, as_size(rows), as_size(columns), as_size(y.stride), bias, y.data, slopes);
}

void bias_activation_backward(std::int64_t rows, std::int64_t out, const Activation& f,
                              const float* saved, const float* dy, float* dz, float* bias_gradient,
                              Accumulate accumulate_bias) {
  const float* known = f.kind == ActivationKind::identity ? dy : saved;
  expects(known != nullptr || rows * out == 0, "the derivative has its saved value");
  const bool sums_wanted = bias_gradient != nullptr;
  column_sums(
      rows, out, sums_wanted ? 1 : 0,
      [&](const MatrixBlock& block, double* sums, std::int64_t) {
        const std::int64_t at = block.row * out + block.column;
        HWY_DYNAMIC_DISPATCH(BiasActivationBackward)
        (f, as_size(block.rows), as_size(block.columns), as_size(out), known + at, dy + at, dz + at,
         sums_wanted ? sums : nullptr);
      },
      [&](std::int64_t column, const double* sums) {
        if (!sums_wanted) return;
        const auto sum = static_cast<float>(sums[0]);
        bias_gradient[column] =
            accumulate_bias == Accumulate::yes ? bias_gradient[column] + sum : sum;
      });
}

}  // namespace kernels
}  // namespace raven
#endif
