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

/// The same of the targets that count, and which those are.
Reference hits_reference(std::size_t k, std::int64_t ignored) {
  return [=](const Inputs& in) {
    Outputs y = best_reference(k)(in);
    std::vector<double> counted;
    for (const double target : in[1].v) {
      counted.push_back(target >= 0 && target < static_cast<double>(in[0].shape.back()) &&
                        static_cast<std::int64_t>(target) != ignored);
    }
    for (std::size_t r = 0; r < counted.size(); ++r) y[0][r] *= counted[r];
    y.push_back(counted);
    return y;
  };
}

OpCase hits_case(const std::string& title, std::vector<CaseInput> inputs, std::int64_t k,
                 std::int64_t ignored = -100) {
  return {.op = "class_hits",
          .title = title,
          .inputs = std::move(inputs),
          .attributes = {{"k", k}, {"ignored", ignored}},
          .reference = hits_reference(static_cast<std::size_t>(k), ignored)};
}

/// Hits, told and true by how often each pair of classes, told and true, comes together.
Reference f1_reference(std::int64_t without, std::int64_t ignored) {
  return [=](const Inputs& in) {
    const std::int64_t classes = in[0].shape.back();
    Outputs y(3, std::vector<double>(static_cast<std::size_t>(in[1].count())));
    for (std::size_t r = 0; r < y[0].size(); ++r) {
      const auto truth = static_cast<std::int64_t>(in[1].v[r]);
      if (truth < 0 || truth >= classes || truth == ignored) continue;
      const auto row = in[0].v.begin() + static_cast<std::int64_t>(r) * classes;
      const std::int64_t told = std::max_element(row, row + classes) - row;
      std::vector<double> confusion(static_cast<std::size_t>(classes * classes));
      confusion[static_cast<std::size_t>(told * classes + truth)] = 1;
      for (std::int64_t a = 0; a < classes; ++a) {
        for (std::int64_t b = 0; b < classes; ++b) {
          const double cell = confusion[static_cast<std::size_t>(a * classes + b)];
          if (a == b && a != without) y[0][r] += cell;
          if (a != without) y[1][r] += cell;
          if (b != without) y[2][r] += cell;
        }
      }
    }
    return y;
  };
}

OpCase f1_case(const std::string& title, std::vector<CaseInput> inputs, std::int64_t without,
               std::int64_t ignored = -100) {
  return {.op = "f1_counts",
          .title = title,
          .inputs = std::move(inputs),
          .attributes = {{"without", without}, {"ignored", ignored}},
          .reference = f1_reference(without, ignored)};
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
      hits_case("the best", {real({30, 3}), whole({30}, 0, 3)}, 1),
      hits_case("two of three, windows", {real({2, 20, 3}), whole({2, 20}, 0, 3)}, 2),
      hits_case("what is ignored or no class counts nothing",
                {given(DType::f32, {5, 3}, {1, 0, 0, 0, 1, 0, 5, 5, 5, 0, 0, 1, 2, 0, 0}),
                 given(DType::i32, {5}, {0, 1, -100, 3, 1})},
                1, 1),
      hits_case("large", {real({700, 60}), whole({700}, 0, 60)}, 5, 7),
      f1_case("all classes", {real({30, 3}), whole({30}, 0, 3)}, -1),
      f1_case("without one", {real({2, 20, 3}), whole({2, 20}, 0, 3)}, 1),
      f1_case("ties, and targets that are no class or ignored",
              {given(DType::f32, {5, 3}, {1, 1, 0, 0, 1, 1, 5, 5, 5, 0, 0, 1, 2, 0, 0}),
               given(DType::i32, {5}, {0, 2, -100, 3, 1})},
              0, 1),
      f1_case("large", {real({700, 60}), whole({700}, 0, 60)}, 7),
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
