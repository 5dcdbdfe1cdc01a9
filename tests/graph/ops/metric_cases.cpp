#include <algorithm>
#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

/// By sorting the classes, which is not how the op does it.
Reference best_reference(std::size_t k) {
  return [=](const Inputs& in) {
    const std::int64_t classes = in[0].shape.back();
    std::vector<double> y;
    for (std::int64_t r = 0; r < in[1].count(); ++r) {
      std::vector<std::int64_t> order;
      for (std::int64_t c = 0; c < classes; ++c) order.push_back(c);
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return in[0][r * classes + a] > in[0][r * classes + b];
      });
      order.resize(std::min(order.size(), k));
      y.push_back(std::count(order.begin(), order.end(), static_cast<std::int64_t>(in[1][r])) > 0);
    }
    return Outputs{y};
  };
}

template <class F>
Reference row_means(F f) {
  return [=](const Inputs& in) {
    const std::int64_t columns = in[0].count() / in[0].shape[0];
    std::vector<double> y;
    for (std::int64_t r = 0; r < in[0].shape[0]; ++r) {
      double sum = 0;
      for (std::int64_t i = r * columns; i < (r + 1) * columns; ++i) sum += f(in[0][i], in[1][i]);
      y.push_back(sum / static_cast<double>(columns));
    }
    return Outputs{y};
  };
}

}  // namespace

std::vector<OpCase> metric_cases() {
  const Reference distance = row_means([](double y, double t) { return std::abs(y - t); });
  const Reference agreement = row_means([](double y, double t) { return (y > 0) == (t > 0.5); });
  return {
      {.op = "accuracy",
       .title = "small",
       .inputs = {real({20, 3}), whole({20}, 0, 3)},
       .reference = best_reference(1)},
      {.op = "accuracy",
       .title = "ties go to the first class",
       .inputs = {given(DType::f32, {4, 3}, {1, 1, 0, 1, 1, 0, 0, 2, 2, 5, 5, 5}),
                  given(DType::i32, {4}, {0, 1, 2, 0})},
       .reference = best_reference(1)},
      {.op = "accuracy",
       .title = "targets that are no class",
       .inputs = {real({3, 4}), given(DType::i32, {3}, {-100, 4, 1 << 30})},
       .reference = best_reference(1)},
      {.op = "accuracy",
       .title = "large",
       .inputs = {real({700, 60}), whole({700}, 0, 60)},
       .reference = best_reference(1)},
      {.op = "top_k_accuracy",
       .title = "two of five",
       .inputs = {real({30, 5}), whole({30}, 0, 5)},
       .attributes = {{"k", std::int64_t{2}}},
       .reference = best_reference(2)},
      {.op = "top_k_accuracy",
       .title = "more than there are",
       .inputs = {real({6, 3}), whole({6}, 0, 3)},
       .attributes = {{"k", std::int64_t{9}}},
       .reference = best_reference(9)},
      {.op = "absolute_error",
       .title = "a matrix",
       .inputs = {real({5, 3}), real({5, 3})},
       .reference = distance},
      {.op = "absolute_error",
       .title = "one value",
       .inputs = {real({800, 1}), real({800})},
       .reference = distance},
      {.op = "binary_accuracy",
       .title = "a matrix",
       .inputs = {real({6, 4}), real({6, 4}, 0, 1)},
       .reference = agreement},
      {.op = "binary_accuracy",
       .title = "large",
       .inputs = {real({300, 150}), real({300, 150}, 0, 1)},
       .reference = agreement},
  };
}

}  // namespace raven::test
