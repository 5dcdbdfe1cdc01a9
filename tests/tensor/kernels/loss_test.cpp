#include "raven/tensor/kernels/loss.hpp"

#include "raven/core/error.hpp"
#include "raven/tensor/kernels/softmax.hpp"
#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::CrossEntropyOptions;

struct Size {
  std::int64_t rows;
  std::int64_t columns;
};
constexpr Size sizes[] = {{1, 1}, {3, 10}, {7, 8}, {33, 1000}, {5000, 17}};

/// p[r, c] of each row, in double.
std::vector<double> softmax(const Size& size, const Floats32& x) {
  std::vector<double> p(x.size());
  for (std::int64_t r = 0; r < size.rows; ++r) {
    double total = 0;
    for (std::int64_t c = 0; c < size.columns; ++c)
      total += std::exp(wide(x[at(r * size.columns + c)]));
    for (std::int64_t c = 0; c < size.columns; ++c) {
      p[at(r * size.columns + c)] = std::exp(wide(x[at(r * size.columns + c)])) / total;
    }
  }
  return p;
}

TEST(Softmax, equals_the_definition_and_its_derivative) {
  for (const Size size : sizes) {
    const std::int64_t count = size.rows * size.columns;
    const Floats32 x = some_floats(count, 61, -6.0F, 6.0F);
    const Floats32 dy = some_floats(count, 62);
    const std::vector<double> p = softmax(size, x);
    const auto compute = [&](auto forward, auto backward) {
      return on_any_pool([&] {
        Floats32 y(at(count));
        forward(size.rows, size.columns, x.data(), y.data());
        Floats32 dx(at(count), 1.0F);
        backward(size.rows, size.columns, y.data(), dy.data(), dx.data(), Accumulate::yes);
        y.insert(y.end(), dx.begin(), dx.end());
        return y;
      });
    };
    std::vector<double> expected = p;
    std::vector<double> log_expected;
    for (const double value : p) log_expected.push_back(std::log(value));
    for (std::int64_t r = 0; r < size.rows; ++r) {
      double along = 0;
      double total = 0;
      for (std::int64_t c = 0; c < size.columns; ++c) {
        const std::size_t i = at(r * size.columns + c);
        along += p[i] * wide(dy[i]);
        total += wide(dy[i]);
      }
      for (std::int64_t c = 0; c < size.columns; ++c) {
        const std::size_t i = at(r * size.columns + c);
        expected.push_back(1.0 + p[i] * (wide(dy[i]) - along));
        log_expected.push_back(1.0 + wide(dy[i]) - p[i] * total);
      }
    }
    expect_close(compute(kernels::softmax_forward, kernels::softmax_backward), expected, 1e-6,
                 0.05);
    expect_close(compute(kernels::log_softmax_forward, kernels::log_softmax_backward), log_expected,
                 1e-6, 0.5);
  }
}

TEST(Softmax, survives_large_inputs_and_works_in_place) {
  Floats32 x = {1.0e4F, 1.0e4F, -1.0e4F, 3.0e38F, -3.0e38F, 0.0F};
  Floats32 y(6);
  kernels::softmax_forward(2, 3, x.data(), y.data());
  EXPECT_EQ(y, (Floats32{0.5F, 0.5F, 0.0F, 1.0F, 0.0F, 0.0F}));
  kernels::softmax_forward(2, 3, x.data(), x.data());
  EXPECT_TRUE(same_bits(x, y));
}

// Made with torch 1.13 in float64: torch.nn.functional.cross_entropy(..., reduction='none') and
// 'mean'.
TEST(CrossEntropy, equals_torch_with_smoothing_weights_and_ignored_rows) {
  const Floats32 logits = {1.0F, -2.0F, 0.5F, 3.0F, 0.0F,  0.25F, -0.75F, 1.5F,
                           2.0F, 2.0F,  2.0F, 2.0F, -1.0F, 4.0F,  0.0F,   0.5F};
  const std::int32_t targets[] = {3, 1, -100, 0};
  const Floats32 class_weights = {0.5F, 2.0F, 1.0F, 0.25F};
  struct Case {
    float smoothing;
    bool weighted;
    std::vector<double> loss;
    double mean;
    std::vector<double> gradient;
  };
  const Case cases[] = {
      {0.0F,
       false,
       {0.202253448, 1.729356122, 0.0, 5.053778624},
       2.328462731,
       {0.11055375, 0.005504147, 0.067054239, -0.183112137, 0.138158166, -0.822601404, 0.065261296,
        0.619181941, 0, 0, 0, 0, -0.993614839, 0.947641868, 0.017356666, 0.028616305}},
      {0.1F,
       false,
       {0.439753448, 1.729356122, 0.0, 4.866278624},
       2.345129398,
       {0.08555375, -0.019495853, 0.042054239, -0.108112137, 0.113158166, -0.747601404, 0.040261296,
        0.594181941, 0, 0, 0, 0, -0.918614839, 0.922641868, -0.007643334, 0.003616305}},
      {0.0F,
       true,
       {0.050563362, 3.458712243, 0.0, 2.526889312},
       2.194969061,
       {0.027638438, 0.001376037, 0.01676356, -0.045778034, 0.276316331, -1.645202807, 0.130522593,
        1.238363883, 0, 0, 0, 0, -0.49680742, 0.473820934, 0.008678333, 0.014308152}},
      {0.2F,
       true,
       {0.753373211, 3.131849067, 0.0, 2.400344942},
       2.285660807,
       {0.017839578, -0.097867143, -0.024016482, 0.104044047, 0.221957721, -1.382900009,
        0.066654567, 1.09428772, 0, 0, 0, 0, -0.421248718, 0.456739598, -0.039802959,
        0.004312079}}};
  for (const Case& one : cases) {
    CrossEntropyOptions options;
    options.label_smoothing = one.smoothing;
    if (one.weighted) options.class_weights = class_weights.data();
    Floats32 loss(4);
    Floats32 weight(4);
    Floats32 saved(4);
    Floats32 gradient(16);
    kernels::cross_entropy_forward(4, 4, logits.data(), targets, options, loss.data(),
                                   weight.data(), saved.data());
    expect_close(loss, one.loss, 2e-7);
    double total = 0;
    double weights = 0;
    for (std::size_t r = 0; r < 4; ++r) {
      total += wide(loss[r]);
      weights += wide(weight[r]);
    }
    EXPECT_NEAR(total / weights, one.mean, 1e-6);
    kernels::cross_entropy_backward(4, 4, logits.data(), targets, options, saved.data(), nullptr,
                                    gradient.data());
    expect_close(gradient, one.gradient, 2e-7);
    const Floats32 upstream = {2.0F, -1.0F, 5.0F, 0.5F};
    kernels::cross_entropy_backward(4, 4, logits.data(), targets, options, saved.data(),
                                    upstream.data(), gradient.data());
    std::vector<double> scaled = one.gradient;
    for (std::size_t i = 0; i < 16; ++i) scaled[i] *= wide(upstream[i / 4]);
    expect_close(gradient, scaled, 4e-7);
  }
}

TEST(CrossEntropy, has_the_same_bits_on_any_pool_and_for_many_rows) {
  const Size size{4000, 37};
  const Floats32 logits = some_floats(size.rows * size.columns, 63, -5.0F, 5.0F);
  std::vector<std::int32_t> targets(at(size.rows));
  RandomStream stream({.seed = 64});
  for (auto& target : targets) target = static_cast<std::int32_t>(stream.below(37));
  const Floats32 found = on_any_pool([&] {
    Floats32 loss(targets.size());
    Floats32 saved(targets.size());
    Floats32 gradient(logits.size());
    kernels::cross_entropy_forward(size.rows, size.columns, logits.data(), targets.data(), {},
                                   loss.data(), nullptr, saved.data());
    kernels::cross_entropy_backward(size.rows, size.columns, logits.data(), targets.data(), {},
                                    saved.data(), nullptr, gradient.data());
    loss.insert(loss.end(), gradient.begin(), gradient.end());
    return loss;
  });
  const std::vector<double> p = softmax(size, logits);
  std::vector<double> expected;
  for (std::size_t r = 0; r < targets.size(); ++r) {
    expected.push_back(-std::log(p[r * 37 + at(targets[r])]));
  }
  expected.insert(expected.end(), p.begin(), p.end());
  for (std::size_t r = 0; r < targets.size(); ++r) {
    expected[targets.size() + r * 37 + at(targets[r])] -= 1.0;
  }
  expect_close(found, expected, 1e-6, 1e-1);
}

TEST(CrossEntropy, refuses_a_class_that_does_not_exist) {
  const Floats32 logits(6);
  const std::int32_t targets[] = {1, 3};
  Floats32 out(2);
  EXPECT_THROW(kernels::cross_entropy_forward(2, 3, logits.data(), targets, {}, out.data(), nullptr,
                                              out.data()),
               InputError);
}

// Made with torch 1.13 in float64, summed over columns.
TEST(Loss, mse_huber_and_bce_equal_torch) {
  const Floats32 y = {0.5F, -1.5F, 3.0F, -0.25F, 0.0F, 2.0F};
  const Floats32 target = {1.0F, 0.0F, 0.5F, 0.25F, 1.0F, 0.0F};
  const Floats32 positive = {2.0F, 0.5F, 3.0F};
  Floats32 loss(2);
  Floats32 gradient(6);
  kernels::mse_forward(2, 3, y.data(), target.data(), loss.data());
  expect_close(loss, {8.75, 5.25}, 1e-7);
  kernels::mse_backward(2, 3, y.data(), target.data(), nullptr, gradient.data());
  expect_close(gradient, {-1.0, -3.0, 5.0, -1.0, -2.0, 4.0}, 1e-7);
  kernels::huber_forward(2, 3, 0.75F, y.data(), target.data(), loss.data());
  expect_close(loss, {2.5625, 1.8125}, 1e-7);
  kernels::huber_backward(2, 3, 0.75F, y.data(), target.data(), nullptr, gradient.data());
  expect_close(gradient, {-0.5, -0.75, 0.75, -0.5, -0.75, 0.75}, 1e-7);
  kernels::bce_with_logits_forward(2, 3, y.data(), target.data(), positive.data(), loss.data());
  expect_close(loss, {2.746741949, 3.318425876}, 1e-7);
  const Floats32 twice = {2.0F, 2.0F};
  kernels::bce_with_logits_backward(2, 3, y.data(), target.data(), positive.data(), twice.data(),
                                    gradient.data());
  expect_close(gradient,
               {2 * -0.755081338, 2 * 0.182425524, 2 * 0.405148254, 2 * 0.047279374, 2 * -0.25,
                2 * 0.880797078},
               2e-7);
}

TEST(Loss, partial_vectors_add_nothing) {
  for (const std::int64_t columns : {1, 3, 9, 13}) {
    const Floats32 z(at(columns), 0.0F);
    const Floats32 t(at(columns), 0.0F);
    float loss = -1.0F;
    kernels::bce_with_logits_forward(1, columns, z.data(), t.data(), nullptr, &loss);
    EXPECT_NEAR(wide(loss), static_cast<double>(columns) * std::log(2.0), 1e-5);
  }
}

}  // namespace
}  // namespace raven
