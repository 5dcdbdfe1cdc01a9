#include "raven/tensor/fingerprint.hpp"

#include <span>
#include <vector>

#include "raven/core/function_ref.hpp"
#include "raven/core/random.hpp"
#include "raven/tensor/kernels/activation.hpp"
#include "raven/tensor/kernels/conv.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/kernels/gemm.hpp"
#include "raven/tensor/kernels/norm.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "raven/tensor/kernels/softmax.hpp"
#include "raven/tensor/kernels/update.hpp"
#include "tensor/kernels/packed_product.hpp"
#include "tensor/kernels/rows_gemm.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::Transpose;

std::vector<float> numbers(std::uint32_t stream, std::int64_t count) {
  RandomStream random({.seed = 0x726176656eULL, .op = stream});
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.uniform(-2.0F, 2.0F);
  return values;
}

using Add = FunctionRef<void(const std::vector<float>&)>;

void add_products(std::uint32_t& stream, Add add) {
  // Sizes around the edges of BLAS register and cache blocks, where kernels of unlike CPUs differ.
  const std::int64_t shapes[][3] = {{1, 7, 5}, {17, 33, 129}, {64, 50, 400}, {8, 10, 1000}};
  const Transpose flips[][2] = {{Transpose::no, Transpose::no},
                                {Transpose::no, Transpose::yes},
                                {Transpose::yes, Transpose::no}};
  for (const auto& [m, n, k] : shapes) {
    for (const auto& [flip_a, flip_b] : flips) {
      const std::vector<float> a = numbers(++stream, m * k);
      const std::vector<float> b = numbers(++stream, k * n);
      std::vector<float> c(static_cast<std::size_t>(m * n));
      kernels::gemm(flip_a, flip_b, m, n, k, a.data(), b.data(), c.data());
      add(c);
    }
  }
}

/// Narrow results of long sums, and slices too thin for raven's own products: OpenBLAS computes
/// them, and its kernels for unlike CPUs cut such sums in unlike places.
void add_narrow_products(std::uint32_t& stream, Add add) {
  const std::int64_t shapes[][3] = {{128, 10, 1000}, {64, 31, 2048}, {33, 3, 4096},
                                    {7, 96, 1500},   {1, 10, 4096},  {200, 24, 7}};
  const Transpose flips[][2] = {{Transpose::no, Transpose::no},
                                {Transpose::no, Transpose::yes},
                                {Transpose::yes, Transpose::no}};
  for (const auto& [m, n, k] : shapes) {
    const std::vector<float> a = numbers(++stream, m * k);
    const std::vector<float> b = numbers(++stream, k * n);
    std::vector<float> c(static_cast<std::size_t>(m * n));
    for (const auto& [flip_a, flip_b] : flips) {
      for (const Accumulate accumulate : {Accumulate::no, Accumulate::yes}) {
        kernels::gemm(flip_a, flip_b, m, n, k, a.data(), b.data(), c.data(), accumulate);
        add(c);
      }
    }
  }
}

/// Products of few rows, as steps of recurrent cells and heads of attention make them.
void add_row_products(std::uint32_t& stream, Add add) {
  // One row and more than a tile's; columns that fill vectors of any size and some that do not.
  const std::int64_t shapes[][3] = {{1, 64, 50}, {7, 83, 33}, {13, 5, 129}, {40, 96, 64}};
  for (const auto& [m, n, k] : shapes) {
    const std::vector<float> a = numbers(++stream, m * k);
    const std::vector<float> b = numbers(++stream, k * n);
    const kernels::ConstMatrix left{a.data(), k};
    const kernels::ConstMatrix right{b.data(), n};
    std::vector<float> c(static_cast<std::size_t>(m * n));
    kernels::rows_gemm(m, n, k, left, right, {c.data(), n}, Accumulate::no);
    add(c);
    kernels::rows_gemm(m, n, k, left, right, {c.data(), n}, Accumulate::yes);
    add(c);
    for (const Transpose flip : {Transpose::no, Transpose::yes}) {
      const kernels::ConstMatrix flipped{b.data(), flip == Transpose::no ? n : k};
      kernels::SharedRight(flip, k, n, flipped, m).product(left, {c.data(), n}, Accumulate::no);
      add(c);
    }
  }
}

void add_convolutions(std::uint32_t& stream, Add add) {
  const kernels::ConvShape shapes[] = {{.batch = 3,
                                        .height = 11,
                                        .width = 9,
                                        .in = 5,
                                        .out = 19,
                                        .kernel_height = 3,
                                        .kernel_width = 3,
                                        .padding_height = 1,
                                        .padding_width = 1},
                                       {.batch = 2,
                                        .height = 12,
                                        .width = 12,
                                        .in = 6,
                                        .out = 10,
                                        .kernel_height = 5,
                                        .kernel_width = 3,
                                        .stride_height = 2,
                                        .stride_width = 2,
                                        .padding_height = 2,
                                        .groups = 2}};
  for (const kernels::ConvShape& shape : shapes) {
    const auto x = numbers(++stream, shape.batch * shape.height * shape.width * shape.in);
    const auto weight = numbers(++stream, shape.out * shape.patch());
    const auto dz = numbers(++stream, shape.out_rows() * shape.out);
    std::vector<float> y(dz.size());
    kernels::conv2d_forward(shape, x.data(), weight.data(), nullptr, {}, y.data());
    add(y);
    std::vector<float> dx(x.size());
    kernels::conv2d_backward_input(shape, dz.data(), weight.data(), dx.data(), Accumulate::no);
    add(dx);
    std::vector<float> dw(weight.size());
    kernels::conv2d_backward_weight(shape, dz.data(), x.data(), dw.data(), Accumulate::no);
    add(dw);
  }
}

void add_normalisations(std::uint32_t& stream, Add add) {
  const std::int64_t rows = 37;
  const std::int64_t columns = 83;
  const auto x = numbers(++stream, rows * columns);
  const auto dy = numbers(++stream, rows * columns);
  std::vector<float> y(x.size());
  std::vector<float> mean(static_cast<std::size_t>(columns));
  std::vector<float> spread(mean.size());
  std::vector<float> dgamma(mean.size());
  std::vector<float> dbeta(mean.size());
  kernels::layer_norm_forward(rows, columns, 1e-5F, x.data(), nullptr, nullptr, y.data(),
                              mean.data(), spread.data());
  add(y);
  kernels::layer_norm_backward(rows, columns, x.data(), nullptr, mean.data(), spread.data(),
                               dy.data(), y.data(), dgamma.data(), dbeta.data(), Accumulate::no);
  add(y);
  add(dgamma);
  kernels::batch_norm_forward(rows, columns, 1e-5F, x.data(), nullptr, nullptr, y.data(),
                              mean.data(), spread.data());
  add(y);
  kernels::batch_norm_backward(rows, columns, 1e-5F, x.data(), nullptr, mean.data(), spread.data(),
                               dy.data(), y.data(), dgamma.data(), dbeta.data(), Accumulate::no);
  add(y);
  add(dgamma);
  kernels::column_sum(rows, columns, x.data(), mean.data());
  add(mean);
  kernels::row_dot(rows, columns, x.data(), dy.data(), mean.data());
  add(mean);
}

void add_pointwise(std::uint32_t& stream, Add add) {
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
}

struct Part {
  std::string_view kernels;
  void (*add)(std::uint32_t& stream, Add add);
};

constexpr Part parts[] = {{"products", add_products},
                          {"products of few rows", add_row_products},
                          {"convolutions", add_convolutions},
                          {"normalisations", add_normalisations},
                          {"pointwise functions and updates", add_pointwise},
                          {"narrow products", add_narrow_products}};

/// Those that were there before narrow products.
constexpr std::size_t earlier_parts = 5;

Digest digest_of_parts(std::span<const NumericsPart> of) {
  Hasher hasher;
  for (const NumericsPart& part : of) hasher.add(part.digest.bytes);
  return hasher.finish();
}

std::vector<NumericsPart> first_parts(std::size_t count) {
  std::vector<NumericsPart> digests;
  std::uint32_t stream = 0;
  for (const Part& part : std::span(parts).first(count)) {
    Hasher hasher;
    part.add(stream, [&](const std::vector<float>& values) {
      hasher.add(std::as_bytes(std::span(values)));
    });
    digests.push_back({part.kernels, hasher.finish()});
  }
  return digests;
}

}  // namespace

std::vector<NumericsPart> numerics_parts() { return first_parts(std::size(parts)); }

Digest numerics_fingerprint() { return digest_of_parts(numerics_parts()); }

Digest earlier_fingerprint() { return digest_of_parts(first_parts(earlier_parts)); }

}  // namespace raven
