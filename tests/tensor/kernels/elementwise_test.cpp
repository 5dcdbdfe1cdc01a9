#include "raven/tensor/kernels/elementwise.hpp"

#include <limits>

#include "raven/tensor/kernels/reduce.hpp"
#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;

constexpr std::int64_t counts[] = {1, 5, 8, 31, 70003};

template <class Kernel, class Reference>
void check_map(const Kernel& kernel, const Reference& reference, float low, float high,
               double tolerance = 2e-7) {
  for (const std::int64_t count : counts) {
    const Floats32 x = some_floats(count, 41, low, high);
    const Floats32 y = on_any_pool([&] {
      Floats32 out(x.size());
      kernel(count, x.data(), out.data());
      return out;
    });
    std::vector<double> expected;
    for (const float value : x) expected.push_back(reference(wide(value)));
    expect_close(y, expected, tolerance, 1e-6);
    Floats32 in_place = x;
    kernel(count, in_place.data(), in_place.data());
    EXPECT_TRUE(same_bits(in_place, y));
  }
}

template <class Kernel, class Reference>
void check_zip(const Kernel& kernel, const Reference& reference) {
  for (const std::int64_t count : counts) {
    const Floats32 a = some_floats(count, 42, 0.5F, 2.0F);
    const Floats32 b = some_floats(count, 43, -2.0F, -0.5F);
    const Floats32 start = some_floats(count, 44);
    const Floats32 y = on_any_pool([&] {
      Floats32 out = start;
      kernel(count, a.data(), b.data(), out.data());
      return out;
    });
    std::vector<double> expected;
    for (std::size_t i = 0; i < a.size(); ++i) {
      expected.push_back(reference(wide(a[i]), wide(b[i]), wide(start[i])));
    }
    expect_close(y, expected, 2e-7);
  }
}

TEST(Elementwise, functions_of_one_array) {
  check_map(
      kernels::negate, [](double x) { return -x; }, -3, 3);
  check_map(
      kernels::exp, [](double x) { return std::exp(x); }, -80, 80);
  check_map(
      kernels::log, [](double x) { return std::log(x); }, 1e-6F, 100, 4e-7);
  check_map(
      kernels::sqrt, [](double x) { return std::sqrt(x); }, 0, 100);
  check_map(
      kernels::square, [](double x) { return x * x; }, -3, 3);
  check_map(
      kernels::abs, [](double x) { return std::abs(x); }, -3, 3);
  check_map([](auto n, auto x, auto y) { kernels::clamp(n, -1.0F, 0.5F, x, y); },
            [](double x) { return std::min(std::max(x, -1.0), 0.5); }, -3, 3);
  check_map([](auto n, auto x, auto y) { kernels::scale(n, 1.5F, x, y); },
            [](double x) { return 1.5 * x; }, -3, 3);
  check_map([](auto n, auto x, auto y) { kernels::add_scalar(n, 1.5F, x, y); },
            [](double x) { return 1.5 + x; }, -1, 3);
}

TEST(Elementwise, functions_of_two_arrays) {
  check_zip(kernels::add, [](double a, double b, double) { return a + b; });
  check_zip(kernels::sub, [](double a, double b, double) { return a - b; });
  check_zip(kernels::mul, [](double a, double b, double) { return a * b; });
  check_zip(kernels::div, [](double a, double b, double) { return a / b; });
  check_zip(kernels::mul_add, [](double a, double b, double out) { return out + a * b; });
  check_zip([](auto n, auto a, auto, auto out) { kernels::add_into(n, a, out); },
            [](double a, double, double out) { return out + a; });
  check_zip([](auto n, auto a, auto, auto out) { kernels::axpy(n, -0.5F, a, out); },
            [](double a, double, double out) { return out - 0.5 * a; });
  check_zip(kernels::sqrt_backward, [](double y, double dy, double) { return dy / (2 * y); });
  check_zip(kernels::square_backward, [](double x, double dy, double) { return 2 * x * dy; });
}

TEST(Elementwise, edges_of_the_number_line) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Floats32 x = {0.0F, -1.0F, infinity, -infinity, std::nanf(""), 200.0F};
  Floats32 y(x.size());
  kernels::log(6, x.data(), y.data());
  EXPECT_EQ(y[0], -infinity);
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_EQ(y[2], infinity);
  EXPECT_TRUE(std::isnan(y[4]));
  kernels::exp(6, x.data(), y.data());
  EXPECT_EQ(y[0], 1.0F);
  EXPECT_EQ(y[2], infinity);
  EXPECT_EQ(y[3], 0.0F);
  EXPECT_TRUE(std::isnan(y[4]));
  EXPECT_EQ(y[5], infinity);
  kernels::clamp(6, -1.0F, 1.0F, x.data(), y.data());
  EXPECT_TRUE(std::isnan(y[4]));
}

TEST(Elementwise, gradients_stop_at_kinks) {
  const Floats32 x = {-2.0F, -1.0F, 0.0F, 1.0F, 2.0F};
  const Floats32 dy = {1.0F, 2.0F, 3.0F, 4.0F, 5.0F};
  Floats32 dx(5);
  kernels::abs_backward(5, x.data(), dy.data(), dx.data());
  EXPECT_EQ(dx, (Floats32{-1.0F, -2.0F, 0.0F, 4.0F, 5.0F}));
  kernels::clamp_backward(5, -1.0F, 1.0F, x.data(), dy.data(), dx.data());
  EXPECT_EQ(dx, (Floats32{0.0F, 2.0F, 3.0F, 4.0F, 0.0F}));
}

TEST(Elementwise, a_row_serves_all_rows) {
  const std::int64_t rows = 37;
  const std::int64_t columns = 11;
  const Floats32 x = some_floats(rows * columns, 45);
  const Floats32 row = some_floats(columns, 46);
  const Floats32 factor = some_floats(rows, 47);
  Floats32 sum(x.size());
  Floats32 product(x.size());
  Floats32 scaled(x.size());
  kernels::add_row(rows, columns, x.data(), row.data(), sum.data());
  kernels::mul_row(rows, columns, x.data(), row.data(), product.data());
  kernels::scale_rows(rows, columns, x.data(), factor.data(), scaled.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(sum[i], x[i] + row[i % at(columns)]);
    EXPECT_EQ(product[i], x[i] * row[i % at(columns)]);
    EXPECT_EQ(scaled[i], x[i] * factor[i / at(columns)]);
  }
}

TEST(Layout, permute_moves_every_element_to_its_place) {
  const std::int64_t dims[] = {3, 4, 1, 5};
  const std::int64_t order[] = {2, 3, 0, 1};
  const Floats32 x = some_floats(60, 48);
  const Floats32 y = on_any_pool([&] {
    Floats32 out(60);
    kernels::permute(4, dims, order, x.data(), out.data());
    return out;
  });
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 4; ++b)
      for (std::size_t d = 0; d < 5; ++d) {
        EXPECT_EQ(y[(d * 3 + a) * 4 + b], x[(a * 4 + b) * 5 + d]);
      }
}

TEST(Layout, copy_block_copies_or_adds_a_part) {
  const Floats32 from = some_floats(4 * 6, 49);
  Floats32 to(4 * 5, 1.0F);
  kernels::copy_block(4, 3, {from.data() + 2, 6}, {to.data() + 1, 5});
  kernels::copy_block(4, 3, {from.data() + 2, 6}, {to.data() + 1, 5}, Accumulate::yes);
  for (std::size_t r = 0; r < 4; ++r) {
    EXPECT_EQ(to[r * 5], 1.0F);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(to[r * 5 + 1 + c], 2 * from[r * 6 + 2 + c]);
    EXPECT_EQ(to[r * 5 + 4], 1.0F);
  }
}

TEST(Reduce, sums_are_accurate_to_float_over_a_million_terms) {
  const std::int64_t count = 1'000'003;
  const Floats32 a = some_floats(count, 51, 0.0F, 1.0F);
  const Floats32 b = some_floats(count, 52);
  double sum = 0;
  double squares = 0;
  double dot = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += wide(a[i]);
    squares += wide(a[i]) * wide(a[i]);
    dot += wide(a[i]) * wide(b[i]);
  }
  for (const int threads : {1, 2, 4}) {
    ComputePool pool(threads);
    pool.run([&] {
      EXPECT_NEAR(kernels::sum(count, a.data()), sum, 1e-9 * sum);
      EXPECT_NEAR(kernels::sum_of_squares(count, a.data()), squares, 1e-9 * squares);
      EXPECT_NEAR(kernels::dot(count, a.data(), b.data()), dot, 1e-9 * sum);
      EXPECT_EQ(kernels::sum(count, a.data()), kernels::sum(count, a.data()));
    });
  }
  EXPECT_EQ(kernels::sum(0, nullptr), 0.0);
}

TEST(Reduce, axis_sums_equal_the_definition) {
  struct Size {
    std::int64_t outer, length, inner;
  };
  for (const Size s : {Size{1, 1, 1}, Size{4, 9, 1}, Size{3, 5, 7}, Size{1, 5000, 600},
                       Size{2, 100, 33}, Size{2, 70000, 1}}) {
    const Floats32 x = some_floats(s.outer * s.length * s.inner, 53);
    const Floats32 y = on_any_pool([&] {
      Floats32 out(at(s.outer * s.inner));
      kernels::axis_sum(s.outer, s.length, s.inner, 0.5F, x.data(), out.data());
      return out;
    });
    std::vector<double> expected(at(s.outer * s.inner));
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t l = 0; l < s.length; ++l)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          expected[at(o * s.inner + i)] += 0.5 * wide(x[at((o * s.length + l) * s.inner + i)]);
        }
    expect_close(y, expected, 5e-7, std::sqrt(static_cast<double>(s.length)));
    Floats32 dx(x.size(), 1.0F);
    kernels::axis_sum_backward(s.outer, s.length, s.inner, 0.5F, y.data(), dx.data(),
                               Accumulate::yes);
    for (std::size_t i = 0; i < dx.size(); ++i) {
      const std::size_t o = i / at(s.length * s.inner);
      ASSERT_EQ(dx[i], 1.0F + 0.5F * y[o * at(s.inner) + i % at(s.inner)]);
    }
  }
}

TEST(Reduce, rows_and_columns) {
  const Floats32 a = some_floats(3000 * 70, 54);
  const Floats32 b = some_floats(3000 * 70, 55);
  const Floats32 found = on_any_pool([&] {
    Floats32 columns(70, 1.0F);
    kernels::column_dot(3000, 70, a.data(), b.data(), columns.data(), Accumulate::yes);
    Floats32 rows(3000);
    kernels::row_dot(3000, 70, a.data(), b.data(), rows.data());
    columns.insert(columns.end(), rows.begin(), rows.end());
    return columns;
  });
  std::vector<double> expected(3070, 0.0);
  std::fill_n(expected.begin(), 70, 1.0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    expected[i % 70] += wide(a[i]) * wide(b[i]);
    expected[70 + i / 70] += wide(a[i]) * wide(b[i]);
  }
  expect_close(found, expected, 1e-6, 10.0);
}

TEST(Reduce, the_first_of_equal_maxima_wins) {
  const Floats32 x = {1.0F, 3.0F, 3.0F, -1.0F, -2.0F, -0.5F};
  std::int32_t found[2];
  kernels::row_argmax(2, 3, x.data(), found);
  EXPECT_EQ(found[0], 1);
  EXPECT_EQ(found[1], 2);
}

}  // namespace
}  // namespace raven
