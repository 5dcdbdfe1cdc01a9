#include "raven/tensor/machine_peak.hpp"

#include <algorithm>
#include <vector>

#include "tensor/blas.hpp"
#include "tensor/kernels/gemm_tiles.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/machine_peak.cpp"
#include "hwy/foreach_target.h"
#include "tensor/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

/// Twelve chains of multiply-adds hide the latency of two units; with two factors they fit the
/// sixteen registers of AVX2. @param sink takes a number, so that no chain is left out
/// @return floating-point operations
double RegisterLoop(std::size_t rounds, float* sink) {
  const FloatVector x = splat(sink[0]);
  const FloatVector y = splat(sink[1]);
  // Each its own number, or the compiler sees that they are one.
  FloatVector a = splat(0.01F), b = splat(0.02F), c = splat(0.03F), d = splat(0.04F);
  FloatVector e = splat(0.05F), f = splat(0.06F), g = splat(0.07F), h = splat(0.08F);
  FloatVector i = splat(0.09F), j = splat(0.10F), k = splat(0.11F), l = splat(0.12F);
  for (std::size_t round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, x, y);
    b = hn::MulAdd(b, x, y);
    c = hn::MulAdd(c, x, y);
    d = hn::MulAdd(d, x, y);
    e = hn::MulAdd(e, x, y);
    f = hn::MulAdd(f, x, y);
    g = hn::MulAdd(g, x, y);
    h = hn::MulAdd(h, x, y);
    i = hn::MulAdd(i, x, y);
    j = hn::MulAdd(j, x, y);
    k = hn::MulAdd(k, x, y);
    l = hn::MulAdd(l, x, y);
  }
  const FloatVector first = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, d)), hn::Add(e, f));
  const FloatVector second = hn::Add(hn::Add(hn::Add(g, h), hn::Add(i, j)), hn::Add(k, l));
  sink[2] = hn::GetLane(hn::Add(first, second));
  return 2.0 * 12.0 * static_cast<double>(hn::Lanes(Floats())) * static_cast<double>(rounds);
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(TargetName);
HWY_EXPORT(RegisterLoop);

std::string vector_instructions() { return HWY_DYNAMIC_DISPATCH(TargetName)(); }

ProductSpeed measure_product_speed(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t side = 256;
  constexpr std::size_t rounds = 20'000;
  make_blas_serial();
  std::vector<float> numbers(as_size(3 * side * side), 0.5F);
  const kernels::ConstMatrix left{numbers.data(), side};
  const kernels::ConstMatrix right{numbers.data() + side * side, side};
  const kernels::Matrix product{numbers.data() + 2 * side * side, side};
  ProductSpeed best;
  const auto end = Clock::now() + patience;
  do {
    float sink[3] = {0.999F, 0.001F, 0.0F};
    const auto first = Clock::now();
    const double flops = HWY_DYNAMIC_DISPATCH(RegisterLoop)(rounds, sink);
    const auto second = Clock::now();
    kernels::serial_gemm(kernels::Transpose::no, kernels::Transpose::no, side, side, side, left,
                         right, product, kernels::Accumulate::no);
    const auto third = Clock::now();
    const auto rate = [](double work, Clock::duration time) {
      return work * 1e-9 / std::chrono::duration<double>(time).count();
    };
    best.peak_gflops = std::max(best.peak_gflops, rate(flops, second - first));
    best.blas_gflops = std::max(
        best.blas_gflops, rate(2.0 * static_cast<double>(side * side * side), third - second));
  } while (Clock::now() < end);
  return best;
}

}  // namespace raven
#endif
