#include "raven/tensor/kernels/conv.hpp"

#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::Activation;
using kernels::ActivationKind;
using kernels::ConvShape;

/// Calls visit(output index, input index, weight index) for every product of a convolution.
template <class Visit>
void each_product(const ConvShape& s, const Visit& visit) {
  const std::int64_t in = s.in / s.groups;
  const std::int64_t out = s.out / s.groups;
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t i = 0; i < s.out_height(); ++i)
      for (std::int64_t j = 0; j < s.out_width(); ++j)
        for (std::int64_t o = 0; o < s.out; ++o)
          for (std::int64_t r = 0; r < s.kernel_height; ++r)
            for (std::int64_t c = 0; c < s.kernel_width; ++c)
              for (std::int64_t k = 0; k < in; ++k) {
                const std::int64_t row =
                    i * s.stride_height - s.padding_height + r * s.dilation_height;
                const std::int64_t column =
                    j * s.stride_width - s.padding_width + c * s.dilation_width;
                if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
                visit(at(((n * s.out_height() + i) * s.out_width() + j) * s.out + o),
                      at(((n * s.height + row) * s.width + column) * s.in + o / out * in + k),
                      at(((o * s.kernel_height + r) * s.kernel_width + c) * in + k));
              }
}

std::vector<ConvShape> shapes() {
  return {
      {.batch = 3,
       .height = 7,
       .width = 5,
       .in = 1,
       .out = 32,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_height = 1,
       .padding_width = 1},
      {.batch = 2,
       .height = 6,
       .width = 6,
       .in = 5,
       .out = 17,
       .kernel_height = 3,
       .kernel_width = 3},
      {.batch = 2,
       .height = 9,
       .width = 8,
       .in = 3,
       .out = 4,
       .kernel_height = 3,
       .kernel_width = 2,
       .stride_height = 2,
       .stride_width = 3,
       .padding_height = 1,
       .padding_width = 1},
      {.batch = 1,
       .height = 11,
       .width = 10,
       .in = 4,
       .out = 6,
       .kernel_height = 3,
       .kernel_width = 3,
       .stride_height = 2,
       .stride_width = 1,
       .padding_height = 2,
       .padding_width = 2,
       .dilation_height = 2,
       .dilation_width = 2,
       .groups = 2},
      {.batch = 2, .height = 5, .width = 4, .in = 7, .out = 9},
      {.batch = 2,
       .height = 5,
       .width = 5,
       .in = 6,
       .out = 5,
       .stride_height = 3,
       .stride_width = 2},
      {.batch = 1,
       .height = 4,
       .width = 4,
       .in = 40,
       .out = 33,
       .kernel_height = 4,
       .kernel_width = 4,
       .padding_height = 3,
       .padding_width = 3},
      {.batch = 1,
       .height = 6,
       .width = 7,
       .in = 6,
       .out = 6,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_height = 1,
       .padding_width = 1,
       .groups = 6},
      {.batch = 2,
       .height = 6,
       .width = 5,
       .in = 3,
       .out = 12,
       .kernel_height = 5,
       .kernel_width = 3,
       .padding_height = 2,
       .padding_width = 1,
       .groups = 3},
      {.batch = 1,
       .height = 90,
       .width = 80,
       .in = 16,
       .out = 3,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_height = 1,
       .padding_width = 1},
      {.batch = 9,
       .height = 14,
       .width = 14,
       .in = 32,
       .out = 64,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_height = 1,
       .padding_width = 1},
      {.batch = 1,
       .height = 3,
       .width = 2,
       .in = 2,
       .out = 3,
       .kernel_height = 3,
       .kernel_width = 2,
       .stride_height = 5,
       .stride_width = 4},
  };
}

std::int64_t x_count(const ConvShape& s) { return s.batch * s.height * s.width * s.in; }
std::int64_t y_count(const ConvShape& s) { return s.out_rows() * s.out; }
std::int64_t w_count(const ConvShape& s) { return s.out * s.patch(); }

/// Sums of many terms lose digits by their length.
double chain(std::int64_t terms) { return 2.0 + 0.02 * static_cast<double>(terms); }

class Conv : public testing::TestWithParam<ConvShape> {
 protected:
  const ConvShape shape = GetParam();
  const Floats32 x = some_floats(x_count(shape), 1);
  const Floats32 w = some_floats(w_count(shape), 2);
  const Floats32 bias = some_floats(shape.out, 3);
  const Floats32 dz = some_floats(y_count(shape), 4);

  [[nodiscard]] std::vector<double> expected_z() const {
    std::vector<double> z(at(y_count(shape)));
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = wide(bias[i % at(shape.out)]);
    each_product(shape, [&](std::size_t o, std::size_t i, std::size_t k) {
      z[o] += wide(x[i]) * wide(w[k]);
    });
    return z;
  }
};

TEST_P(Conv, forward_equals_the_definition) {
  std::vector<double> expected = expected_z();
  const Floats32 linear = on_any_pool([&] {
    Floats32 y(at(y_count(shape)));
    kernels::conv2d_forward(shape, x.data(), w.data(), bias.data(), {}, y.data());
    return y;
  });
  expect_close(linear, expected, 2e-6, chain(shape.patch()));
  for (double& value : expected) value = std::max(0.0, value);
  const Floats32 relu = on_any_pool([&] {
    Floats32 y(at(y_count(shape)));
    kernels::conv2d_forward(shape, x.data(), w.data(), bias.data(), {.kind = ActivationKind::relu},
                            y.data());
    return y;
  });
  expect_close(relu, expected, 2e-6, chain(shape.patch()));
}

TEST_P(Conv, forward_keeps_what_an_activation_needs) {
  std::vector<double> expected = expected_z();
  Floats32 y(at(y_count(shape)));
  Floats32 slopes(y.size());
  kernels::conv2d_forward(shape, x.data(), w.data(), bias.data(), {.kind = ActivationKind::silu},
                          y.data(), slopes.data());
  std::vector<double> expected_slopes = expected;
  for (double& z : expected_slopes) {
    const double share = 1.0 / (1.0 + std::exp(-z));
    z = share * (1.0 + z * (1.0 - share));
  }
  expect_close(slopes, expected_slopes, 2e-6, chain(shape.patch()));
  for (double& value : expected) value = value / (1.0 + std::exp(-value));
  expect_close(y, expected, 4e-6, chain(shape.patch()));
}

TEST_P(Conv, input_gradient_equals_the_definition) {
  std::vector<double> expected(at(x_count(shape)));
  each_product(shape, [&](std::size_t o, std::size_t i, std::size_t k) {
    expected[i] += wide(dz[o]) * wide(w[k]);
  });
  const auto run = [&](Accumulate accumulate) {
    return on_any_pool([&] {
      Floats32 dx(at(x_count(shape)), 0.5F);
      kernels::conv2d_backward_input(shape, dz.data(), w.data(), dx.data(), accumulate);
      return dx;
    });
  };
  expect_close(run(Accumulate::no), expected, 2e-6, chain(shape.patch() * shape.out / shape.in));
  for (double& value : expected) value += 0.5;
  expect_close(run(Accumulate::yes), expected, 2e-6, chain(shape.patch() * shape.out / shape.in));
}

TEST_P(Conv, weight_gradient_equals_the_definition) {
  std::vector<double> expected(at(w_count(shape)));
  each_product(shape, [&](std::size_t o, std::size_t i, std::size_t k) {
    expected[k] += wide(dz[o]) * wide(x[i]);
  });
  const auto run = [&](Accumulate accumulate) {
    return on_any_pool([&] {
      Floats32 dw(at(w_count(shape)), 0.5F);
      kernels::conv2d_backward_weight(shape, dz.data(), x.data(), dw.data(), accumulate);
      return dw;
    });
  };
  expect_close(run(Accumulate::no), expected, 2e-6, chain(shape.out_rows()));
  for (double& value : expected) value += 0.5;
  expect_close(run(Accumulate::yes), expected, 2e-6, chain(shape.out_rows()));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv, testing::ValuesIn(shapes()));

}  // namespace
}  // namespace raven
