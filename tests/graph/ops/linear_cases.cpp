#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

Reference linear_reference(const std::string& activation, double a = 1.0) {
  return [=](const Inputs& in) {
    const std::int64_t columns = in[0].shape.back();
    const std::int64_t rows = in[0].count() / columns;
    const std::int64_t out = in[1].shape[0];
    std::vector<double> y;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t o = 0; o < out; ++o) {
        double sum = in.size() == 3 ? in[2][o] : 0.0;
        for (std::int64_t c = 0; c < columns; ++c)
          sum += in[0][r * columns + c] * in[1][o * columns + c];
        y.push_back(activation.empty() ? sum : activation_value(activation, sum, a));
      }
    }
    return Outputs{y};
  };
}

Outputs matmul_reference(const Inputs& in) {
  const std::int64_t m = in[0].shape[0];
  const std::int64_t k = in[0].shape[1];
  const std::int64_t n = in[1].shape[1];
  std::vector<double> y;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) sum += in[0][i * k + l] * in[1][l * n + j];
      y.push_back(sum);
    }
  }
  return {y};
}

}  // namespace

std::vector<OpCase> linear_cases() {
  return {
      {.op = "linear",
       .title = "without a bias",
       .inputs = {real({3, 5}), real({4, 5})},
       .reference = linear_reference("")},
      {.op = "linear",
       .title = "with a bias",
       .inputs = {real({6, 7}), real({3, 7}), real({3})},
       .reference = linear_reference("")},
      {.op = "linear",
       .title = "of a vector",
       .inputs = {real({7}), real({3, 7}), real({3})},
       .reference = linear_reference("")},
      {.op = "linear",
       .title = "rows in several dimensions",
       .inputs = {real({2, 3, 4}), real({5, 4}), real({5})},
       .reference = linear_reference("")},
      {.op = "linear",
       .title = "then relu",
       .inputs = {real({9, 6}), real({5, 6}), real({5})},
       .attributes = {{"activation", "relu"}},
       .reference = linear_reference("relu")},
      {.op = "linear",
       .title = "then gelu, which keeps what comes before",
       .inputs = {real({4, 6}), real({5, 6}), real({5})},
       .attributes = {{"activation", "gelu"}},
       .reference = linear_reference("gelu")},
      {.op = "linear",
       .title = "then leaky_relu without a bias",
       .inputs = {real({4, 6}), real({5, 6})},
       .attributes = {{"activation", "leaky_relu"}, {"a", 0.2}},
       .reference = linear_reference("leaky_relu", static_cast<double>(0.2F))},
      {.op = "linear",
       .title = "large, in many tiles",
       .inputs = {real({300, 150}), real({270, 150}), real({270})},
       .attributes = {{"activation", "tanh"}},
       .reference = linear_reference("tanh"),
       .tolerance = 1.0e-5},
      {.op = "matmul",
       .title = "small",
       .inputs = {real({3, 4}), real({4, 2})},
       .reference = matmul_reference},
      {.op = "matmul",
       .title = "one column",
       .inputs = {real({5, 3}), real({3, 1})},
       .reference = matmul_reference},
      {.op = "matmul",
       .title = "large",
       .inputs = {real({180, 260}), real({260, 140})},
       .reference = matmul_reference,
       .tolerance = 1.0e-5},
  };
}

}  // namespace raven::test
