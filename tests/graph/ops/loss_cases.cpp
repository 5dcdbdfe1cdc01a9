#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

/// torch.nn.functional.cross_entropy, reduction='none', and what reduction='mean' divides by.
Reference cross_entropy_reference(double smoothing, std::int64_t ignored,
                                  const std::vector<double>& weights) {
  return [=](const Inputs& in) {
    const std::int64_t classes = in[0].shape.back();
    Outputs out(2);
    for (std::int64_t r = 0; r < in[1].count(); ++r) {
      const auto target = static_cast<std::int64_t>(in[1][r]);
      if (target == ignored) {
        out[0].push_back(0);
        out[1].push_back(0);
        continue;
      }
      double sum = 0;
      for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(in[0][r * classes + c]);
      double loss = 0;
      for (std::int64_t c = 0; c < classes; ++c) {
        const double share =
            (c == target ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
        const double weight = weights.empty() ? 1.0 : weights[static_cast<std::size_t>(c)];
        loss -= share * weight * (in[0][r * classes + c] - std::log(sum));
      }
      out[0].push_back(loss);
      out[1].push_back(weights.empty() ? 1.0 : weights[static_cast<std::size_t>(target)]);
    }
    return out;
  };
}

OpCase cross_entropy_case(const std::string& title, const CaseInput& logits,
                          const CaseInput& targets, double smoothing = 0,
                          std::int64_t ignored = -100, const std::vector<double>& weights = {}) {
  return {.op = "cross_entropy",
          .title = title,
          .inputs = {logits, targets},
          .attributes = {{"label_smoothing", smoothing},
                         {"ignore_index", ignored},
                         {"class_weights", weights}},
          .reference = cross_entropy_reference(smoothing, ignored, weights)};
}

/// Sums `f(y, target, column)` over each row; the weight of a row is its number of elements.
template <class F>
Reference row_sums(F f) {
  return [=](const Inputs& in) {
    const std::int64_t columns = in[0].count() / in[0].shape[0];
    Outputs out(2);
    for (std::int64_t r = 0; r < in[0].shape[0]; ++r) {
      double sum = 0;
      for (std::int64_t c = 0; c < columns; ++c) {
        sum += f(in[0][r * columns + c], in[1][r * columns + c], c);
      }
      out[0].push_back(sum);
      out[1].push_back(static_cast<double>(columns));
    }
    return out;
  };
}

void add_comparison(std::vector<OpCase>& cases, const std::string& op, const Reference& reference,
                    const Attributes& attributes, double low, double high) {
  const auto add = [&](const std::string& title, const Shape& y, const Shape& targets) {
    cases.push_back({.op = op,
                     .title = title,
                     .inputs = {real(y, -3, 3), real(targets, low, high)},
                     .attributes = attributes,
                     .reference = reference});
  };
  add("a matrix", {5, 3}, {5, 3});
  add("images against rows", {3, 2, 2, 3}, {3, 12});
  add("one value", {7, 1}, {7});
  add("large", {300, 90}, {300, 90});
}

}  // namespace

std::vector<OpCase> loss_cases() {
  const CaseInput some_ignored = given(DType::i32, {6}, {2, -1, 0, 3, -1, 1});
  std::vector<OpCase> cases = {
      cross_entropy_case("plain", real({5, 4}, -3, 3), whole({5}, 0, 4)),
      cross_entropy_case("smoothed", real({5, 4}, -3, 3), whole({5}, 0, 4), 0.25),
      cross_entropy_case("some ignored", real({6, 4}, -3, 3), some_ignored, 0, -1),
      cross_entropy_case("weights of classes, smoothed, some ignored", real({6, 4}, -3, 3),
                         some_ignored, 0.125, -1, {0.5, 2.0, 1.0, 0.25}),
      cross_entropy_case("sequences", real({2, 3, 5}, -3, 3), whole({2, 3}, 0, 5)),
      cross_entropy_case("large", real({300, 100}, -3, 3), whole({300}, 0, 100), 0.125),
  };
  add_comparison(cases, "mse",
                 row_sums([](double y, double t, std::int64_t) { return (y - t) * (y - t); }), {},
                 -3, 3);
  add_comparison(cases, "huber", row_sums([](double y, double t, std::int64_t) {
                   const double d = std::abs(y - t);
                   return d < 0.75 ? d * d / 2 : 0.75 * (d - 0.375);
                 }),
                 {{"delta", 0.75}}, -3, 3);
  const auto bce = [](double y, double t, double positive) {
    const double p = 1 / (1 + std::exp(-y));
    return -positive * t * std::log(p) - (1 - t) * std::log(1 - p);
  };
  add_comparison(cases, "bce_with_logits",
                 row_sums([=](double y, double t, std::int64_t) { return bce(y, t, 1.0); }),
                 {{"positive_weight", std::vector<double>{}}}, 0, 1);
  cases.push_back(
      {.op = "bce_with_logits",
       .title = "weights of the positive",
       .inputs = {real({4, 3}, -3, 3), real({4, 3}, 0, 1)},
       .attributes = {{"positive_weight", std::vector<double>{0.5, 3.0, 1.0}}},
       .reference = row_sums([=](double y, double t, std::int64_t c) {
         return bce(y, t, std::vector<double>{0.5, 3.0, 1.0}[static_cast<std::size_t>(c)]);
       })});
  return cases;
}

}  // namespace raven::test
