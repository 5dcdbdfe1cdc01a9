#include "raven/tensor/kernels/linear.hpp"

#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::ActivationKind;
using kernels::LinearShape;
using kernels::Transpose;

/// op(A) op(B) by the definition.
std::vector<double> product(Transpose a_is, Transpose b_is, std::int64_t m, std::int64_t n,
                            std::int64_t k, const Floats32& a, const Floats32& b) {
  std::vector<double> c(at(m * n));
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t l = 0; l < k; ++l)
      for (std::int64_t j = 0; j < n; ++j) {
        const float u = a[at(a_is == Transpose::no ? i * k + l : l * m + i)];
        const float v = b[at(b_is == Transpose::no ? l * n + j : j * k + l)];
        c[at(i * n + j)] += wide(u) * wide(v);
      }
  return c;
}

TEST(Gemm, equals_the_definition_for_every_transposition_and_shape) {
  struct Size {
    std::int64_t m, n, k;
  };
  for (const Size s : {Size{1, 1, 1}, Size{3, 5, 7}, Size{64, 10, 33}, Size{130, 700, 40},
                       Size{700, 130, 17}, Size{600, 601, 20}, Size{4, 6, 0}}) {
    for (const Transpose a_is : {Transpose::no, Transpose::yes}) {
      for (const Transpose b_is : {Transpose::no, Transpose::yes}) {
        const Floats32 a = some_floats(s.m * s.k, 21);
        const Floats32 b = some_floats(s.k * s.n, 22);
        std::vector<double> expected = product(a_is, b_is, s.m, s.n, s.k, a, b);
        const auto run = [&](Accumulate accumulate) {
          return on_any_pool([&] {
            Floats32 c(at(s.m * s.n), 0.5F);
            kernels::gemm(a_is, b_is, s.m, s.n, s.k, a.data(), b.data(), c.data(), accumulate);
            return c;
          });
        };
        expect_close(run(Accumulate::no), expected, 1e-6, 5.0);
        for (double& value : expected) value += 0.5;
        expect_close(run(Accumulate::yes), expected, 1e-6, 5.0);
      }
    }
  }
}

TEST(Gemm, batched_products_are_those_of_each_matrix) {
  const std::int64_t batch = 5;
  const std::int64_t m = 6;
  const std::int64_t n = 7;
  const std::int64_t k = 4;
  const Floats32 a = some_floats(batch * m * k, 23);
  const Floats32 b = some_floats(batch * k * n, 24);
  const Floats32 all = on_any_pool([&] {
    Floats32 c(at(batch * m * n), 1.0F);
    kernels::batched_gemm(Transpose::no, Transpose::yes, batch, m, n, k, a.data(), b.data(),
                          c.data());
    return c;
  });
  for (std::int64_t i = 0; i < batch; ++i) {
    const Floats32 one_a(a.begin() + i * m * k, a.begin() + (i + 1) * m * k);
    const Floats32 one_b(b.begin() + i * k * n, b.begin() + (i + 1) * k * n);
    const Floats32 one_c(all.begin() + i * m * n, all.begin() + (i + 1) * m * n);
    expect_close(one_c, product(Transpose::no, Transpose::yes, m, n, k, one_a, one_b), 1e-6);
  }
}

TEST(Gemm, leaves_the_rest_of_a_larger_matrix_alone) {
  const Floats32 a = some_floats(3 * 9, 25);
  const Floats32 b = some_floats(4 * 8, 26);
  Floats32 c(3 * 7, 9.0F);
  kernels::gemm(Transpose::no, Transpose::no, 3, 5, 4, {a.data(), 9}, {b.data(), 8}, {c.data(), 7});
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(c[i * 7 + 5], 9.0F);
    EXPECT_EQ(c[i * 7 + 6], 9.0F);
    double expected = 0;
    for (std::size_t l = 0; l < 4; ++l) expected += wide(a[i * 9 + l]) * wide(b[l * 8 + 2]);
    EXPECT_NEAR(wide(c[i * 7 + 2]), expected, 1e-6);
  }
}

double silu_slope(double z) {
  const double share = 1.0 / (1.0 + std::exp(-z));
  return share * (1.0 + z * (1.0 - share));
}

class Linear : public testing::TestWithParam<std::tuple<int, int, int>> {
 protected:
  const LinearShape shape{std::get<0>(GetParam()), std::get<1>(GetParam()),
                          std::get<2>(GetParam())};
  const Floats32 x = some_floats(shape.rows * shape.in, 31);
  const Floats32 w = some_floats(shape.out * shape.in, 32);
  const Floats32 bias = some_floats(shape.out, 33);
  const Floats32 dz = some_floats(shape.rows * shape.out, 34);
};

TEST_P(Linear, forward_adds_the_bias_and_applies_the_activation) {
  std::vector<double> z =
      product(Transpose::no, Transpose::yes, shape.rows, shape.out, shape.in, x, w);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] += wide(bias[i % at(shape.out)]);
  Floats32 kept;
  const Floats32 y = on_any_pool([&] {
    Floats32 out(z.size());
    kept.assign(z.size(), 0.0F);
    kernels::linear_forward(shape, x.data(), w.data(), bias.data(), {ActivationKind::silu},
                            out.data(), kept.data());
    return out;
  });
  std::vector<double> slopes = z;
  for (double& value : slopes) value = silu_slope(value);
  expect_close(kept, slopes, 1e-6, 30.0);
  std::vector<double> expected = z;
  for (double& value : expected) value = value / (1.0 + std::exp(-value));
  expect_close(y, expected, 1e-6, 30.0);
  Floats32 plain(z.size());
  kernels::linear_forward(shape, x.data(), w.data(), nullptr, {}, plain.data());
  for (std::size_t i = 0; i < z.size(); ++i) z[i] -= wide(bias[i % at(shape.out)]);
  expect_close(plain, z, 1e-6, 30.0);
}

TEST_P(Linear, backward_gives_the_three_gradients) {
  const auto dx = on_any_pool([&] {
    Floats32 out(x.size(), 1.0F);
    kernels::linear_backward_input(shape, dz.data(), w.data(), out.data(), Accumulate::yes);
    return out;
  });
  std::vector<double> expected =
      product(Transpose::no, Transpose::no, shape.rows, shape.in, shape.out, dz, w);
  for (double& value : expected) value += 1.0;
  expect_close(dx, expected, 1e-6, 30.0);
  const auto dw = on_any_pool([&] {
    Floats32 out(w.size());
    kernels::linear_backward_weight(shape, dz.data(), x.data(), out.data(), Accumulate::no);
    return out;
  });
  // Sums of many terms lose digits by their length, as in conv_test.cpp: some of OpenBLAS's kernels
  // add one product after the other.
  expect_close(dw, product(Transpose::yes, Transpose::no, shape.out, shape.in, shape.rows, dz, x),
               2e-6, 2.0 + 0.02 * static_cast<double>(shape.rows));
}

TEST_P(Linear, bias_and_activation_go_back_in_one_pass) {
  const Floats32 y = some_floats(shape.rows * shape.out, 35);
  Floats32 bias_gradient;
  const Floats32 found = on_any_pool([&] {
    Floats32 out(dz.size());
    bias_gradient.assign(at(shape.out), 2.0F);
    kernels::bias_activation_backward(shape.rows, shape.out, {ActivationKind::relu}, y.data(),
                                      dz.data(), out.data(), bias_gradient.data(), Accumulate::yes);
    Floats32 both = out;
    both.insert(both.end(), bias_gradient.begin(), bias_gradient.end());
    return both;
  });
  std::vector<double> expected(dz.size() + at(shape.out), 0.0);
  for (std::size_t i = 0; i < dz.size(); ++i) {
    expected[i] = y[i] > 0.0F ? wide(dz[i]) : 0.0;
    expected[dz.size() + i % at(shape.out)] += expected[i];
  }
  for (std::size_t i = dz.size(); i < expected.size(); ++i) expected[i] += 2.0;
  expect_close(found, expected, 1e-6, 5.0);
  Floats32 in_place = dz;
  kernels::bias_activation_backward(shape.rows, shape.out, {ActivationKind::relu}, y.data(),
                                    in_place.data(), in_place.data(), nullptr, Accumulate::no);
  EXPECT_TRUE(std::equal(in_place.begin(), in_place.end(), found.begin()));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Linear,
                         testing::Values(std::tuple{1, 1, 1}, std::tuple{5, 7, 3},
                                         std::tuple{33, 20, 10}, std::tuple{300, 64, 700},
                                         std::tuple{700, 50, 130}, std::tuple{3000, 9, 33}));

}  // namespace
}  // namespace raven
