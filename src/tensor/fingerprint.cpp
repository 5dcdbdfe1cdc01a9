#include "raven/tensor/fingerprint.hpp"

#include <vector>

#include "raven/core/random.hpp"
#include "raven/tensor/kernels/activation.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/kernels/gemm.hpp"
#include "raven/tensor/kernels/softmax.hpp"
#include "raven/tensor/kernels/update.hpp"

namespace raven {
namespace {

using kernels::Transpose;

std::vector<float> numbers(std::uint32_t stream, std::int64_t count) {
  RandomStream random({.seed = 0x726176656eULL, .op = stream});
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.uniform(-2.0F, 2.0F);
  return values;
}

}  // namespace

Digest numerics_fingerprint() {
  Hasher hasher;
  const auto add = [&](const std::vector<float>& values) {
    hasher.add(std::as_bytes(std::span(values)));
  };

  // Sizes around the edges of BLAS register and cache blocks, where kernels of unlike CPUs differ.
  const std::int64_t shapes[][3] = {{1, 7, 5}, {17, 33, 129}, {64, 50, 400}, {8, 10, 1000}};
  const Transpose flips[][2] = {{Transpose::no, Transpose::no},
                                {Transpose::no, Transpose::yes},
                                {Transpose::yes, Transpose::no}};
  std::uint32_t stream = 0;
  for (const auto& [m, n, k] : shapes) {
    for (const auto& [flip_a, flip_b] : flips) {
      const std::vector<float> a = numbers(++stream, m * k);
      const std::vector<float> b = numbers(++stream, k * n);
      std::vector<float> c(static_cast<std::size_t>(m * n));
      kernels::gemm(flip_a, flip_b, m, n, k, a.data(), b.data(), c.data());
      add(c);
    }
  }

  const std::int64_t count = 1003;
  const std::vector<float> x = numbers(++stream, count);
  std::vector<float> y(x.size());
  kernels::exp(count, x.data(), y.data());
  add(y);
  for (const auto kind : {kernels::ActivationKind::tanh, kernels::ActivationKind::gelu,
                          kernels::ActivationKind::sigmoid, kernels::ActivationKind::softplus}) {
    kernels::activation_forward(kernels::default_activation(kind), count, x.data(), y.data());
    add(y);
  }
  kernels::softmax_forward(17, 59, x.data(), y.data());
  add(y);

  std::vector<float> m(x.size());
  std::vector<float> v(x.size());
  kernels::adam_update(count, x.data(), y.data(), x.data(), m.data(), v.data(), {}, {});
  add(y);
  return hasher.finish();
}

}  // namespace raven
