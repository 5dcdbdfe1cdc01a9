#include "raven/tensor/kernels/activation.hpp"

#include <limits>
#include <numbers>

#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::Activation;
using kernels::ActivationKind;

double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }
double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

struct Pair {
  double value;
  double slope;
};

/// Value and derivative by the textbook, in double.
Pair textbook(const Activation& f, double z) {
  const double a = wide(f.a);
  switch (f.kind) {
    case ActivationKind::identity:
      return {z, 1};
    case ActivationKind::relu:
      return {std::max(z, 0.0), z > 0 ? 1.0 : 0.0};
    case ActivationKind::leaky_relu:
      return {z > 0 ? z : a * z, z > 0 ? 1 : a};
    case ActivationKind::elu:
      return {z > 0 ? z : a * std::expm1(z), z > 0 ? 1 : a * std::exp(z)};
    case ActivationKind::selu: {
      const double scale = 1.0507009873554804934193349852946;
      const double alpha = 1.6732632423543772848170429916717;
      return {scale * (z > 0 ? z : alpha * std::expm1(z)),
              scale * (z > 0 ? 1 : alpha * std::exp(z))};
    }
    case ActivationKind::gelu: {
      const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
      return {z * normal_cdf(z), normal_cdf(z) + z * density};
    }
    case ActivationKind::gelu_tanh: {
      const double c = std::sqrt(2 / std::numbers::pi);
      const double t = std::tanh(c * (z + 0.044715 * z * z * z));
      return {0.5 * z * (1 + t),
              0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)};
    }
    case ActivationKind::silu:
      return {z * sigmoid(z), sigmoid(z) * (1 + z * (1 - sigmoid(z)))};
    case ActivationKind::softplus: {
      if (a * z > wide(f.threshold)) return {z, 1};
      return {std::log1p(std::exp(a * z)) / a, sigmoid(a * z)};
    }
    case ActivationKind::sigmoid:
      return {sigmoid(z), sigmoid(z) * (1 - sigmoid(z))};
    case ActivationKind::tanh:
      return {std::tanh(z), 1 - std::tanh(z) * std::tanh(z)};
  }
  return {};
}

class EachActivation : public testing::TestWithParam<int> {
 protected:
  const Activation f = [] {
    Activation activation = kernels::default_activation(static_cast<ActivationKind>(GetParam()));
    if (activation.kind == ActivationKind::softplus) activation.a = 2.0F;
    return activation;
  }();
};

TEST_P(EachActivation, equals_the_textbook) {
  for (const std::int64_t count : {1, 7, 8, 1003, 70001}) {
    Floats32 z = some_floats(count, 11, -9.0F, 9.0F);
    z[0] = 0.0F;
    const Floats32 dy = some_floats(count, 12);
    const Floats32 y = on_any_pool([&] {
      Floats32 out(z.size());
      kernels::activation_forward(f, count, z.data(), out.data());
      return out;
    });
    const Floats32& saved = kernels::activation_needs_input(f.kind) ? z : y;
    const Floats32 dz = on_any_pool([&] {
      Floats32 out(z.size(), 0.25F);
      kernels::activation_backward(f, count, saved.data(), dy.data(), out.data(), Accumulate::yes);
      return out;
    });
    std::vector<double> values;
    std::vector<double> gradients;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const Pair pair = textbook(f, wide(z[i]));
      values.push_back(pair.value);
      gradients.push_back(0.25 + pair.slope * wide(dy[i]));
    }
    expect_close(y, values, 1.2e-6, 1e-3);
    expect_close(dz, gradients, 1e-6, 1.0);
  }
}

TEST_P(EachActivation, works_in_place_and_shows_nan) {
  Floats32 z = some_floats(21, 13, -4.0F, 4.0F);
  Floats32 y(z.size());
  kernels::activation_forward(f, 21, z.data(), y.data());
  Floats32 dz(z.size());
  const Floats32 dy = some_floats(21, 14);
  const Floats32 saved = kernels::activation_needs_input(f.kind) ? z : y;
  kernels::activation_backward(f, 21, saved.data(), dy.data(), dz.data());
  Floats32 in_place = dy;
  kernels::activation_backward(f, 21, saved.data(), in_place.data(), in_place.data());
  EXPECT_TRUE(same_bits(in_place, dz));
  kernels::activation_forward(f, 21, z.data(), z.data());
  EXPECT_TRUE(same_bits(z, y));
  Floats32 broken(9, std::numeric_limits<float>::quiet_NaN());
  kernels::activation_forward(f, 9, broken.data(), broken.data());
  for (const float value : broken) EXPECT_TRUE(std::isnan(value));
}

TEST_P(EachActivation, stays_finite_far_out) {
  Floats32 z = {-1.0e4F, -200.0F, -95.0F, 95.0F, 200.0F, 1.0e4F};
  Floats32 y(z.size());
  kernels::activation_forward(f, 6, z.data(), y.data());
  for (std::size_t i = 0; i < z.size(); ++i) {
    EXPECT_NEAR(wide(y[i]), textbook(f, wide(z[i])).value, 1e-6 * std::abs(wide(z[i])));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EachActivation, testing::Range(0, kernels::activation_kinds));

// Made with torch 1.13 in float64.
TEST(Activation, equals_torch) {
  const Floats32 z = {-3.0F, -1.0F, -0.1F, 0.0F, 0.5F, 2.0F};
  const auto check = [&](const Activation& f, const std::vector<double>& expected) {
    Floats32 y(z.size());
    kernels::activation_forward(f, 6, z.data(), y.data());
    expect_close(y, expected, 5e-7, 1e-2);
  };
  check({ActivationKind::gelu},
        {-0.004049694, -0.158655254, -0.046017216, 0.0, 0.345731231, 1.954499736});
  check({ActivationKind::gelu_tanh},
        {-0.003637392, -0.158808009, -0.046017249, 0.0, 0.34571401, 1.954597694});
  check({ActivationKind::selu},
        {-1.670568729, -1.111330738, -0.167305273, 0.0, 0.525350494, 2.101401975});
  check({ActivationKind::softplus, 2.0F, 3.0F},
        {0.001237843, 0.063464006, 0.299069435, 0.34657359, 0.656630844, 2.0});
}

}  // namespace
}  // namespace raven
