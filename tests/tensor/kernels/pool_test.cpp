#include "raven/tensor/kernels/pool.hpp"

#include <limits>

#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::PoolShape;

/// Calls visit(output index, input index, pixel of the image) for every element under every window.
template <class Visit>
void each_element(const PoolShape& s, const Visit& visit) {
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t i = 0; i < s.out_height(); ++i)
      for (std::int64_t j = 0; j < s.out_width(); ++j)
        for (std::int64_t r = 0; r < s.kernel_height; ++r)
          for (std::int64_t q = 0; q < s.kernel_width; ++q) {
            const std::int64_t row = i * s.stride_height - s.padding_height + r;
            const std::int64_t column = j * s.stride_width - s.padding_width + q;
            if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
            for (std::int64_t c = 0; c < s.channels; ++c) {
              visit(at(((n * s.out_height() + i) * s.out_width() + j) * s.channels + c),
                    at(((n * s.height + row) * s.width + column) * s.channels + c),
                    static_cast<std::int32_t>(row * s.width + column));
            }
          }
}

class Pool : public testing::TestWithParam<PoolShape> {
 protected:
  const PoolShape shape = GetParam();
  const std::size_t x_count = at(shape.batch * shape.height * shape.width * shape.channels);
  const std::size_t y_count =
      at(shape.batch * shape.out_height() * shape.out_width() * shape.channels);
  const Floats32 x = some_floats(static_cast<std::int64_t>(x_count), 81);
  const Floats32 dy = some_floats(static_cast<std::int64_t>(y_count), 82);
};

TEST_P(Pool, the_largest_wins_and_gets_the_gradient) {
  std::vector<double> expected(y_count, -std::numeric_limits<double>::infinity());
  std::vector<std::size_t> winner(y_count);
  std::vector<std::int32_t> winner_pixel(y_count);
  each_element(shape, [&](std::size_t o, std::size_t i, std::int32_t pixel) {
    if (wide(x[i]) <= expected[o]) return;
    expected[o] = wide(x[i]);
    winner[o] = i;
    winner_pixel[o] = pixel;
  });
  std::vector<std::int32_t> argmax;
  const Floats32 y = on_any_pool([&] {
    Floats32 out(y_count);
    argmax.assign(y_count, -1);
    kernels::max_pool2d_forward(shape, x.data(), out.data(), argmax.data());
    return out;
  });
  expect_close(y, expected, 0.0);
  EXPECT_EQ(argmax, winner_pixel);
  Floats32 without(y_count);
  kernels::max_pool2d_forward(shape, x.data(), without.data(), nullptr);
  EXPECT_TRUE(same_bits(without, y));
  for (const Accumulate accumulate : {Accumulate::no, Accumulate::yes}) {
    std::vector<double> gradient(x_count, accumulate == Accumulate::yes ? 1.0 : 0.0);
    for (std::size_t o = 0; o < y_count; ++o) gradient[winner[o]] += wide(dy[o]);
    const Floats32 dx = on_any_pool([&] {
      Floats32 out(x_count, 1.0F);
      kernels::max_pool2d_backward(shape, argmax.data(), dy.data(), out.data(), accumulate);
      return out;
    });
    expect_close(dx, gradient, 1e-6);
  }
}

TEST_P(Pool, the_mean_counts_padding) {
  const double share = 1.0 / static_cast<double>(shape.kernel_height * shape.kernel_width);
  std::vector<double> expected(y_count);
  std::vector<double> gradient(x_count, 1.0);
  each_element(shape, [&](std::size_t o, std::size_t i, std::int32_t) {
    expected[o] += share * wide(x[i]);
    gradient[i] += share * wide(dy[o]);
  });
  const Floats32 y = on_any_pool([&] {
    Floats32 out(y_count);
    kernels::avg_pool2d_forward(shape, x.data(), out.data());
    return out;
  });
  expect_close(y, expected, 1e-6);
  const Floats32 dx = on_any_pool([&] {
    Floats32 out(x_count, 1.0F);
    kernels::avg_pool2d_backward(shape, dy.data(), out.data(), Accumulate::yes);
    return out;
  });
  expect_close(dx, gradient, 1e-6);
}

TEST(MaxPool, the_first_of_equals_wins_and_nan_shows) {
  const PoolShape shape{.batch = 1, .height = 2, .width = 4, .channels = 1};
  const Floats32 x = {1.0F, 3.0F, 0.0F, std::nanf(""), 3.0F, 3.0F, 9.0F, 2.0F};
  Floats32 y(2);
  std::int32_t argmax[2];
  kernels::max_pool2d_forward(shape, x.data(), y.data(), argmax);
  EXPECT_EQ(y[0], 3.0F);
  EXPECT_EQ(argmax[0], 1);
  EXPECT_TRUE(std::isnan(y[1]));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Pool,
    testing::Values(PoolShape{.batch = 3, .height = 8, .width = 6, .channels = 32},
                    PoolShape{.batch = 2, .height = 7, .width = 9, .channels = 5},
                    PoolShape{.batch = 2,
                              .height = 9,
                              .width = 8,
                              .channels = 19,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .stride_height = 2,
                              .stride_width = 2,
                              .padding_height = 1,
                              .padding_width = 1},
                    PoolShape{.batch = 1,
                              .height = 5,
                              .width = 5,
                              .channels = 1,
                              .kernel_height = 3,
                              .kernel_width = 2,
                              .stride_height = 1,
                              .stride_width = 3},
                    PoolShape{.batch = 1,
                              .height = 4,
                              .width = 4,
                              .channels = 8,
                              .kernel_height = 4,
                              .kernel_width = 4,
                              .stride_height = 4,
                              .stride_width = 4}));

}  // namespace
}  // namespace raven
