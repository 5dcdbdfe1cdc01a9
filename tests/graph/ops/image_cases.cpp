#include <algorithm>
#include <limits>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

struct Window {
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};
  std::array<std::int64_t, 2> dilation{1, 1};

  [[nodiscard]] std::int64_t out(int axis, std::int64_t size) const {
    const auto i = static_cast<std::size_t>(axis);
    return (size + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
  }
};

std::vector<std::int64_t> list(const std::array<std::int64_t, 2>& pair) {
  return {pair[0], pair[1]};
}

/// Calls `body(n, y, x, pixel)` for each output pixel and each pixel of its window; pixel is -1 in
/// the padding.
template <class Begin, class Body, class End>
void each_window(const Shape& shape, const Window& w, Begin begin, Body body, End end) {
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t y = 0; y < w.out(0, shape[1]); ++y) {
      for (std::int64_t x = 0; x < w.out(1, shape[2]); ++x) {
        begin();
        for (std::int64_t i = 0; i < w.kernel[0]; ++i) {
          for (std::int64_t j = 0; j < w.kernel[1]; ++j) {
            const std::int64_t row = y * w.stride[0] - w.padding[0] + i * w.dilation[0];
            const std::int64_t column = x * w.stride[1] - w.padding[1] + j * w.dilation[1];
            const bool inside = row >= 0 && row < shape[1] && column >= 0 && column < shape[2];
            body(i, j, inside ? (n * shape[1] + row) * shape[2] + column : -1);
          }
        }
        end();
      }
    }
  }
}

Reference conv_reference(Window w, std::int64_t groups, const std::string& activation) {
  return [=](const Inputs& in) {
    const std::int64_t channels = in[0].shape[3];
    const std::int64_t out = in[1].shape[0];
    const std::int64_t per_group = channels / groups;
    Window window = w;
    window.kernel = {in[1].shape[1], in[1].shape[2]};
    std::vector<double> y;
    std::vector<double> sums;
    each_window(
        in[0].shape, window,
        [&] {
          sums.assign(static_cast<std::size_t>(out), 0.0);
          for (std::int64_t o = 0; o < out && in.size() == 3; ++o)
            sums[static_cast<std::size_t>(o)] = in[2][o];
        },
        [&](std::int64_t i, std::int64_t j, std::int64_t pixel) {
          if (pixel < 0) return;
          for (std::int64_t o = 0; o < out; ++o) {
            const std::int64_t group = o / (out / groups);
            for (std::int64_t c = 0; c < per_group; ++c) {
              sums[static_cast<std::size_t>(o)] +=
                  in[0][pixel * channels + group * per_group + c] *
                  in[1][((o * window.kernel[0] + i) * window.kernel[1] + j) * per_group + c];
            }
          }
        },
        [&] {
          for (const double sum : sums) {
            y.push_back(activation.empty() ? sum : activation_value(activation, sum));
          }
        });
    return Outputs{y};
  };
}

OpCase conv_case(const std::string& title, std::vector<CaseInput> inputs, const Window& w,
                 std::int64_t groups = 1, const std::string& activation = "") {
  Attributes attributes{{"stride", list(w.stride)},
                        {"padding", list(w.padding)},
                        {"dilation", list(w.dilation)},
                        {"groups", groups}};
  if (!activation.empty()) attributes.set("activation", activation);
  return {.op = "conv2d",
          .title = title,
          .inputs = std::move(inputs),
          .attributes = attributes,
          .reference = conv_reference(w, groups, activation),
          .tolerance = 5.0e-6};
}

OpCase pool_case(const std::string& op, const std::string& title, const Shape& shape,
                 const Window& w) {
  const bool largest = op == "max_pool2d";
  const Reference reference = [=](const Inputs& in) {
    const std::int64_t channels = in[0].shape[3];
    std::vector<double> y;
    std::vector<double> best;
    each_window(
        in[0].shape, w,
        [&] {
          best.assign(static_cast<std::size_t>(channels),
                      largest ? -std::numeric_limits<double>::infinity() : 0.0);
        },
        [&](std::int64_t, std::int64_t, std::int64_t pixel) {
          if (pixel < 0) return;
          for (std::int64_t c = 0; c < channels; ++c) {
            double& b = best[static_cast<std::size_t>(c)];
            const double value = in[0][pixel * channels + c];
            b = largest ? std::max(b, value)
                        : b + value / static_cast<double>(w.kernel[0] * w.kernel[1]);
          }
        },
        [&] { y.insert(y.end(), best.begin(), best.end()); });
    return Outputs{y};
  };
  return {.op = op,
          .title = title,
          .inputs = {real(shape)},
          .attributes = {{"kernel", list(w.kernel)},
                         {"stride", list(w.stride)},
                         {"padding", list(w.padding)}},
          .reference = reference};
}

}  // namespace

std::vector<OpCase> image_cases() {
  std::vector<OpCase> cases = {
      conv_case("3 x 3, padded, with a bias", {real({2, 5, 6, 3}), real({4, 3, 3, 3}), real({4})},
                {.padding = {1, 1}}),
      conv_case("1 x 1 without a bias", {real({2, 3, 4, 5}), real({6, 1, 1, 5})}, {}),
      conv_case("uneven kernel, stride, padding and dilation",
                {real({2, 9, 8, 2}), real({3, 3, 2, 2}), real({3})},
                {.stride = {2, 1}, .padding = {1, 2}, .dilation = {2, 3}}),
      conv_case("two groups, then relu", {real({2, 6, 6, 4}), real({6, 3, 3, 2}), real({6})},
                {.stride = {2, 2}, .padding = {1, 1}}, 2, "relu"),
      conv_case("one group per channel, then gelu",
                {real({2, 5, 5, 6}), real({6, 3, 3, 1}), real({6})}, {.padding = {1, 1}}, 6,
                "gelu"),
      conv_case("one channel, large kernel", {real({3, 8, 8, 1}), real({5, 5, 5, 1}), real({5})},
                {}, 1, "tanh"),
      conv_case("large enough for several tiles",
                {real({6, 14, 13, 8}), real({20, 3, 3, 8}), real({20})}, {.padding = {1, 1}}, 1,
                "silu"),
  };
  for (const std::string op : {"max_pool2d", "avg_pool2d"}) {
    cases.push_back(pool_case(op, "2 x 2", {2, 4, 6, 3}, {.kernel = {2, 2}, .stride = {2, 2}}));
    cases.push_back(pool_case(op, "overlapping, padded, with a rest", {2, 7, 6, 2},
                              {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}));
    cases.push_back(pool_case(op, "uneven", {1, 5, 9, 5},
                              {.kernel = {1, 4}, .stride = {2, 3}, .padding = {0, 2}}));
    cases.push_back(pool_case(op, "large", {8, 20, 20, 17}, {.kernel = {3, 2}, .stride = {2, 2}}));
  }
  return cases;
}

}  // namespace raven::test
