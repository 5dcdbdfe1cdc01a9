#include "raven/tensor/kernels/norm.hpp"

#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;

struct Size {
  std::int64_t rows;
  std::int64_t columns;
};
void PrintTo(const Size& size, std::ostream* out) { *out << size.rows << 'x' << size.columns; }
constexpr Size sizes[] = {{1, 2}, {5, 3}, {40, 17}, {700, 64}, {2000, 33}, {3, 1500}};
constexpr double epsilon = 1e-3;

/// A normalisation along one direction of a matrix: `line(i)` names the mean that element i belongs
/// to.
struct Normal {
  std::vector<double> mean;
  std::vector<double> variance;
  std::vector<double> xhat;
};

template <class Line>
Normal normalise(const Floats32& x, std::int64_t lines, const Line& line) {
  Normal normal;
  normal.mean.assign(at(lines), 0.0);
  normal.variance.assign(at(lines), 0.0);
  const double length = static_cast<double>(x.size()) / static_cast<double>(lines);
  for (std::size_t i = 0; i < x.size(); ++i) normal.mean[line(i)] += wide(x[i]) / length;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = wide(x[i]) - normal.mean[line(i)];
    normal.variance[line(i)] += d * d / length;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    normal.xhat.push_back((wide(x[i]) - normal.mean[line(i)]) /
                          std::sqrt(normal.variance[line(i)] + epsilon));
  }
  return normal;
}

/// dx = (h - mean(h) - xhat mean(h xhat)) / sqrt(variance + epsilon), h = dy gamma.
template <class Line>
std::vector<double> input_gradient(const Normal& normal, const Floats32& dy, const Floats32& gamma,
                                   std::int64_t lines, const Line& line) {
  const double length = static_cast<double>(dy.size()) / static_cast<double>(lines);
  std::vector<double> h(dy.size());
  std::vector<double> h_mean(at(lines));
  std::vector<double> hx_mean(at(lines));
  for (std::size_t i = 0; i < dy.size(); ++i) {
    h[i] = wide(dy[i]) * wide(gamma[i % gamma.size()]);
    h_mean[line(i)] += h[i] / length;
    hx_mean[line(i)] += h[i] * normal.xhat[i] / length;
  }
  std::vector<double> dx;
  for (std::size_t i = 0; i < dy.size(); ++i) {
    dx.push_back((h[i] - h_mean[line(i)] - normal.xhat[i] * hx_mean[line(i)]) /
                 std::sqrt(normal.variance[line(i)] + epsilon));
  }
  return dx;
}

void append(Floats32& all, const Floats32& more) {
  all.insert(all.end(), more.begin(), more.end());
}
void append(std::vector<double>& all, const std::vector<double>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

class Norm : public testing::TestWithParam<Size> {
 protected:
  const std::int64_t rows = GetParam().rows;
  const std::int64_t columns = GetParam().columns;
  const Floats32 x = some_floats(rows * columns, 71, 1.0F, 4.0F);
  const Floats32 dy = some_floats(rows * columns, 72);
  const Floats32 gamma = some_floats(columns, 73, 0.5F, 2.0F);
  const Floats32 beta = some_floats(columns, 74);

  /// y, then gradients of gamma and beta, each starting from 1.
  [[nodiscard]] std::vector<double> expected_with(const Normal& normal) const {
    std::vector<double> y;
    std::vector<double> dgamma(at(columns), 1.0);
    std::vector<double> dbeta(at(columns), 1.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = i % at(columns);
      y.push_back(normal.xhat[i] * wide(gamma[c]) + wide(beta[c]));
      dgamma[c] += wide(dy[i]) * normal.xhat[i];
      dbeta[c] += wide(dy[i]);
    }
    append(y, dgamma);
    append(y, dbeta);
    return y;
  }
};

TEST_P(Norm, layer_norm_equals_the_definition) {
  const auto line = [&](std::size_t i) { return i / at(columns); };
  const Normal normal = normalise(x, rows, line);
  const Floats32 found = on_any_pool([&] {
    Floats32 y(x.size());
    Floats32 mean(at(rows));
    Floats32 rstd(at(rows));
    Floats32 dx = dy;
    Floats32 dgamma(at(columns), 1.0F);
    Floats32 dbeta(at(columns), 1.0F);
    kernels::layer_norm_forward(rows, columns, static_cast<float>(epsilon), x.data(), gamma.data(),
                                beta.data(), y.data(), mean.data(), rstd.data());
    kernels::layer_norm_backward(rows, columns, x.data(), gamma.data(), mean.data(), rstd.data(),
                                 dx.data(), dx.data(), dgamma.data(), dbeta.data(),
                                 Accumulate::yes);
    append(y, dgamma);
    append(y, dbeta);
    append(y, dx);
    return y;
  });
  std::vector<double> expected = expected_with(normal);
  append(expected, input_gradient(normal, dy, gamma, rows, line));
  expect_close(found, expected, 3e-6, 2.0);
}

TEST_P(Norm, batch_norm_equals_the_definition) {
  const auto line = [&](std::size_t i) { return i % at(columns); };
  const Normal normal = normalise(x, columns, line);
  const Floats32 found = on_any_pool([&] {
    Floats32 y(x.size());
    Floats32 mean(at(columns));
    Floats32 variance(at(columns));
    Floats32 dx = dy;
    Floats32 dgamma(at(columns), 1.0F);
    Floats32 dbeta(at(columns), 1.0F);
    kernels::batch_norm_forward(rows, columns, static_cast<float>(epsilon), x.data(), gamma.data(),
                                beta.data(), y.data(), mean.data(), variance.data());
    kernels::batch_norm_backward(rows, columns, static_cast<float>(epsilon), x.data(), gamma.data(),
                                 mean.data(), variance.data(), dx.data(), dx.data(), dgamma.data(),
                                 dbeta.data(), Accumulate::yes);
    append(y, dgamma);
    append(y, dbeta);
    append(y, dx);
    append(y, mean);
    append(y, variance);
    return y;
  });
  std::vector<double> expected = expected_with(normal);
  append(expected, input_gradient(normal, dy, gamma, columns, line));
  append(expected, normal.mean);
  append(expected, normal.variance);
  // Three rows may lie close together, and their reciprocal deviation magnifies rounding.
  expect_close(found, expected, rows < 5 ? 3e-5 : 3e-6, 2.0);
}

TEST_P(Norm, batch_norm_takes_given_statistics_as_constants) {
  const Floats32 mean = some_floats(columns, 75);
  const Floats32 variance = some_floats(columns, 76, 0.5F, 2.0F);
  const auto eps = static_cast<float>(epsilon);
  Floats32 y(x.size());
  Floats32 dx(x.size());
  Floats32 dgamma(at(columns));
  Floats32 dbeta(at(columns));
  kernels::batch_norm_inference(rows, columns, eps, x.data(), nullptr, nullptr, mean.data(),
                                variance.data(), y.data());
  kernels::batch_norm_inference_backward(rows, columns, eps, x.data(), gamma.data(), mean.data(),
                                         variance.data(), dy.data(), dx.data(), dgamma.data(),
                                         dbeta.data(), Accumulate::no);
  std::vector<double> expected_y;
  std::vector<double> expected_dx;
  std::vector<double> expected_dgamma(at(columns));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % at(columns);
    const double rstd = 1.0 / std::sqrt(wide(variance[c]) + epsilon);
    expected_y.push_back((wide(x[i]) - wide(mean[c])) * rstd);
    expected_dx.push_back(wide(dy[i]) * wide(gamma[c]) * rstd);
    expected_dgamma[c] += wide(dy[i]) * expected_y.back();
  }
  expect_close(y, expected_y, 1e-6);
  expect_close(dx, expected_dx, 1e-6);
  expect_close(dgamma, expected_dgamma, 3e-6, 10.0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Norm, testing::ValuesIn(sizes));

}  // namespace
}  // namespace raven
