#include "tensor/kernels/epilogue.hpp"

#include <algorithm>

#include "raven/core/contract.hpp"
#include "raven/tensor/kernels/linear.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/epilogue.cpp"
#include "hwy/foreach_target.h"
#include "tensor/kernels/activation-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

void FinishTile(const kernels::Activation& kind, std::size_t rows, std::size_t columns,
                std::size_t stride, const float* bias, float* y, float* z) {
  with_activation(kind, [=](const auto& f) HWY_ATTR {
    for (std::size_t row = 0; row < rows; ++row) {
      float* y_row = y + row * stride;
      float* z_row = z == nullptr ? nullptr : z + row * stride;
      for_vectors(columns, [&](auto io, std::size_t i) HWY_ATTR {
        V value = io.load(y_row + i);
        if (bias != nullptr) value = Add(value, io.load(bias + i));
        if (z_row != nullptr) io.store(value, z_row + i);
        io.store(f.value(value), y_row + i);
      });
    }
  });
}

/// Rows are summed in chunks of this length, chunks one after the other: errors grow with length +
/// chunks.
constexpr std::size_t sum_chunk = 64;

/// dz = dy f'(saved) for a block of rows, and the sum of its rows.
void BiasActivationBackward(const kernels::Activation& kind, std::size_t rows, std::size_t columns,
                            std::size_t stride, const float* saved, const float* dy, float* dz,
                            float* sums) {
  with_activation(kind, [=](const auto& f) HWY_ATTR {
    if (sums != nullptr) std::fill_n(sums, columns, 0.0F);
    for (std::size_t top = 0; top < rows; top += sum_chunk) {
      const std::size_t bottom = std::min(rows, top + sum_chunk);
      for_vectors(columns, [&](auto io, std::size_t i) HWY_ATTR {
        V total = Zero(Floats());
        for (std::size_t row = top; row < bottom; ++row) {
          const std::size_t at = row * stride + i;
          const V gradient = Mul(io.load(dy + at), f.slope(io.load(saved + at)));
          io.store(gradient, dz + at);
          total = Add(total, gradient);
        }
        if (sums != nullptr) io.store(Add(io.load(sums + i), total), sums + i);
      });
    }
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
                 Matrix y, float* z) {
  if (bias == nullptr && z == nullptr && f.kind == ActivationKind::identity) return;
  HWY_DYNAMIC_DISPATCH(FinishTile)
  (f, as_size(rows), as_size(columns), as_size(y.stride), bias, y.data, z);
}

void bias_activation_backward(std::int64_t rows, std::int64_t out, const Activation& f,
                              const float* saved, const float* dy, float* dz, float* bias_gradient,
                              Accumulate accumulate_bias) {
  const float* known = f.kind == ActivationKind::identity ? dy : saved;
  expects(known != nullptr || rows * out == 0, "the derivative has its saved value");
  if (rows == 0 || out == 0) {
    if (bias_gradient != nullptr && accumulate_bias == Accumulate::no) {
      std::fill_n(bias_gradient, out, 0.0F);
    }
    return;
  }
  constexpr std::int64_t widest = 512;
  const std::int64_t width = std::min(out, widest);
  const std::int64_t across = (out + width - 1) / width;
  const std::int64_t height = std::max<std::int64_t>(64, elementwise_grain / width);
  const std::int64_t down = (rows + height - 1) / height;
  const Scratch partial(bias_gradient == nullptr ? 0 : as_size(down * out));
  float* partial_sums = partial.data();

  parallel_for(down * across, [&](std::int64_t block) {
    const std::int64_t row = block / across * height;
    const std::int64_t column = block % across * width;
    const std::int64_t at = row * out + column;
    HWY_DYNAMIC_DISPATCH(BiasActivationBackward)
    (f, as_size(std::min(height, rows - row)), as_size(std::min(width, out - column)), as_size(out),
     known + at, dy + at, dz + at,
     partial_sums == nullptr ? nullptr : partial_sums + block / across * out + column);
  });

  if (bias_gradient == nullptr) return;
  for (std::int64_t column = 0; column < out; ++column) {
    double total = 0;
    for (std::int64_t block = 0; block < down; ++block) {
      total += static_cast<double>(partial_sums[block * out + column]);
    }
    const auto sum = static_cast<float>(total);
    bias_gradient[column] = accumulate_bias == Accumulate::yes ? bias_gradient[column] + sum : sum;
  }
}

}  // namespace kernels
}  // namespace raven
#endif
