#include <algorithm>
#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

template <class F>
Reference pairwise(F f) {
  return [=](const Inputs& in) {
    std::vector<double> y;
    for (std::int64_t i = 0; i < in[0].count(); ++i) {
      y.push_back(f(in[0][i], in[1][i % in[1].count()]));
    }
    return Outputs{y};
  };
}

template <class F>
Reference elementwise(F f) {
  return [=](const Inputs& in) {
    std::vector<double> y;
    for (const double x : in[0].v) y.push_back(f(x));
    return Outputs{y};
  };
}

template <class F>
void add_pair(std::vector<OpCase>& cases, const std::string& op, F f, double low) {
  const Reference reference = pairwise(f);
  const auto add = [&](const std::string& title, const Shape& a, const Shape& b) {
    cases.push_back({.op = op,
                     .title = title,
                     .inputs = {real(a), real(b, low, low + 2)},
                     .reference = reference});
  };
  add("equal shapes", {3, 7}, {3, 7});
  add("one row for all", {4, 5}, {5});
  add("one image for all", {3, 2, 2, 3}, {2, 2, 3});
  add("one number for all", {3, 4}, {});
  add("large", {500, 130}, {500, 130});
  add("large, one row for all", {700, 97}, {97});
}

template <class F>
void add_function(std::vector<OpCase>& cases, const std::string& op, F f, double low, double high,
                  const Attributes& attributes = {}) {
  const Reference reference = elementwise(f);
  for (const Shape& shape : {Shape{}, Shape{13}, Shape{2, 3, 5}, Shape{300, 160}}) {
    cases.push_back({.op = op,
                     .title = to_string(shape),
                     .inputs = {real(shape, low, high)},
                     .attributes = attributes,
                     .reference = reference});
  }
}

}  // namespace

std::vector<OpCase> arithmetic_cases() {
  std::vector<OpCase> cases;
  add_pair(
      cases, "add", [](double a, double b) { return a + b; }, -1);
  add_pair(
      cases, "sub", [](double a, double b) { return a - b; }, -1);
  add_pair(
      cases, "mul", [](double a, double b) { return a * b; }, -1);
  add_pair(
      cases, "div", [](double a, double b) { return a / b; }, 0.5);
  add_function(cases, "scale", [](double x) { return 0.75 * x; }, -2, 2, {{"factor", 0.75}});
  add_function(
      cases, "negate", [](double x) { return -x; }, -2, 2);
  add_function(
      cases, "exp", [](double x) { return std::exp(x); }, -3, 2);
  add_function(
      cases, "log", [](double x) { return std::log(x); }, 0.2, 5);
  add_function(
      cases, "sqrt", [](double x) { return std::sqrt(x); }, 0.2, 5);
  add_function(
      cases, "square", [](double x) { return x * x; }, -2, 2);
  add_function(
      cases, "abs", [](double x) { return std::abs(x); }, -2, 2);
  add_function(cases, "clamp", [](double x) { return std::clamp(x, -0.5, 1.25); }, -2, 2,
               {{"low", -0.5}, {"high", 1.25}});
  return cases;
}

}  // namespace raven::test
