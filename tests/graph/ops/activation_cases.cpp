#include <cmath>
#include <numbers>

#include "graph/ops/cases.hpp"

namespace raven::test {

double activation_value(const std::string& name, double x, double a, double threshold) {
  if (name == "relu") return x > 0 ? x : 0;
  if (name == "leaky_relu") return x > 0 ? x : a * x;
  if (name == "elu") return x > 0 ? x : a * (std::exp(x) - 1);
  if (name == "selu") {
    // Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (std::exp(x) - 1));
  }
  if (name == "gelu") return x * 0.5 * (1 + std::erf(x / std::numbers::sqrt2));
  if (name == "gelu_tanh") {
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  }
  if (name == "silu") return x / (1 + std::exp(-x));
  if (name == "softplus") return a * x > threshold ? x : std::log1p(std::exp(a * x)) / a;
  if (name == "sigmoid") return 1 / (1 + std::exp(-x));
  if (name == "tanh") return std::tanh(x);
  return x;
}

namespace {

void add_activation(std::vector<OpCase>& cases, const std::string& name,
                    const Attributes& attributes = {}, double a = 1.0, double threshold = 20.0) {
  for (const Shape& shape : {Shape{7}, Shape{3, 5}, Shape{2, 4, 3, 2}, Shape{260, 150}}) {
    cases.push_back({.op = name,
                     .title = to_string(shape),
                     .inputs = {real(shape, -4, 4)},
                     .attributes = attributes,
                     .reference = [=](const Inputs& in) {
                       std::vector<double> y;
                       for (const double x : in[0].v) {
                         y.push_back(activation_value(name, x, a, threshold));
                       }
                       return Outputs{y};
                     }});
  }
}

Reference softmax_reference(bool logarithm) {
  return [=](const Inputs& in) {
    std::vector<double> y;
    const std::int64_t columns = in[0].shape.back();
    for (std::int64_t r = 0; r < in[0].count() / columns; ++r) {
      double sum = 0;
      for (std::int64_t c = 0; c < columns; ++c) sum += std::exp(in[0][r * columns + c]);
      for (std::int64_t c = 0; c < columns; ++c) {
        const double x = in[0][r * columns + c];
        y.push_back(logarithm ? x - std::log(sum) : std::exp(x) / sum);
      }
    }
    return Outputs{y};
  };
}

}  // namespace

std::vector<OpCase> activation_cases() {
  std::vector<OpCase> cases;
  for (const char* name : {"relu", "selu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"}) {
    add_activation(cases, name);
  }
  // Constants that are exact as floats.
  add_activation(cases, "leaky_relu", {{"a", 0.125}}, 0.125);
  add_activation(cases, "elu", {{"a", 1.5}}, 1.5);
  add_activation(cases, "softplus", {{"a", 2.0}, {"threshold", 6.0}}, 2.0, 6.0);
  for (const Shape& shape : {Shape{3, 4}, Shape{5}, Shape{2, 3, 7}, Shape{200, 131}}) {
    cases.push_back({.op = "softmax",
                     .title = to_string(shape),
                     .inputs = {real(shape, -3, 3)},
                     .reference = softmax_reference(false)});
    cases.push_back({.op = "log_softmax",
                     .title = to_string(shape),
                     .inputs = {real(shape, -3, 3)},
                     .reference = softmax_reference(true)});
  }
  return cases;
}

}  // namespace raven::test
