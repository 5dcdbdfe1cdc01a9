#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

constexpr double epsilon = 1.0e-3;

struct Moments {
  double mean = 0;
  double variance = 0;  // biased
};

/// Of elements first, first + stride, ...
Moments moments(const Value& x, std::int64_t first, std::int64_t stride, std::int64_t count) {
  Moments m;
  const auto n = static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) m.mean += x[first + i * stride] / n;
  for (std::int64_t i = 0; i < count; ++i) {
    m.variance += (x[first + i * stride] - m.mean) * (x[first + i * stride] - m.mean) / n;
  }
  return m;
}

Outputs layer_norm_reference(const Inputs& in) {
  const std::int64_t columns = in.size() == 3 ? in[1].count() : in[0].shape.back();
  std::vector<double> y;
  for (std::int64_t r = 0; r < in[0].count() / columns; ++r) {
    const Moments m = moments(in[0], r * columns, 1, columns);
    for (std::int64_t c = 0; c < columns; ++c) {
      const double normal = (in[0][r * columns + c] - m.mean) / std::sqrt(m.variance + epsilon);
      y.push_back(in.size() == 3 ? normal * in[1][c] + in[2][c] : normal);
    }
  }
  return {y};
}

Outputs batch_norm_reference(const Inputs& in) {
  const std::int64_t channels = in[0].shape.back();
  const std::int64_t rows = in[0].count() / channels;
  Outputs out(3);
  out[0].resize(in[0].v.size());
  for (std::int64_t c = 0; c < channels; ++c) {
    const Moments m = moments(in[0], c, channels, rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      out[0][static_cast<std::size_t>(r * channels + c)] =
          (in[0][r * channels + c] - m.mean) / std::sqrt(m.variance + epsilon) * in[1][c] +
          in[2][c];
    }
    out[1].push_back(m.mean);
    out[2].push_back(m.variance * static_cast<double>(rows) / static_cast<double>(rows - 1));
  }
  return out;
}

Outputs inference_reference(const Inputs& in) {
  const std::int64_t channels = in[0].shape.back();
  std::vector<double> y;
  for (std::int64_t i = 0; i < in[0].count(); ++i) {
    const std::int64_t c = i % channels;
    y.push_back((in[0][i] - in[3][c]) / std::sqrt(in[4][c] + epsilon) * in[1][c] + in[2][c]);
  }
  return {y};
}

OpCase layer_case(const std::string& title, const Shape& x, const Shape& gamma) {
  OpCase one{.op = "layer_norm",
             .title = title,
             .inputs = {real(x, -2, 2)},
             .attributes = {{"epsilon", epsilon}},
             .reference = layer_norm_reference,
             .tolerance = 1.0e-5};
  if (gamma.rank() > 0) {
    one.inputs.push_back(real(gamma, 0.5, 1.5));
    one.inputs.push_back(real(gamma));
  }
  return one;
}

OpCase batch_case(const std::string& title, const Shape& x) {
  return {.op = "batch_norm",
          .title = title,
          .inputs = {real(x, -2, 3), real({x.back()}, 0.5, 1.5), real({x.back()})},
          .attributes = {{"epsilon", epsilon}},
          .reference = batch_norm_reference,
          .tolerance = 1.0e-5};
}

OpCase inference_case(const std::string& title, const Shape& x) {
  const Shape channels{x.back()};
  return {.op = "batch_norm_inference",
          .title = title,
          .inputs = {real(x, -2, 3), real(channels, 0.5, 1.5), real(channels), real(channels),
                     real(channels, 0.2, 2)},
          .attributes = {{"epsilon", epsilon}},
          .reference = inference_reference,
          .tolerance = 1.0e-5};
}

}  // namespace

std::vector<OpCase> norm_cases() {
  return {
      layer_case("plain", {4, 9}, {}),
      layer_case("with gamma and beta", {3, 2, 6}, {6}),
      layer_case("over two dimensions", {3, 4, 5}, {4, 5}),
      layer_case("large", {260, 150}, {150}),
      batch_case("a matrix", {6, 4}),
      batch_case("images", {3, 4, 2, 5}),
      batch_case("large", {20, 13, 13, 24}),
      inference_case("a matrix", {5, 3}),
      inference_case("images", {2, 3, 3, 4}),
      inference_case("large", {20, 13, 13, 24}),
  };
}

}  // namespace raven::test
