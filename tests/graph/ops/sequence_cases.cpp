#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

/// By the definition, one query at a time.
struct Attended {
  std::int64_t heads;
  bool causal;
  Outputs operator()(const Inputs& in) const {
    const bool packed = in.size() < 3;
    const Shape& shape = in[0].shape;
    const std::int64_t width = packed ? shape[2] / 3 : shape[2];
    const std::int64_t size = width / heads;
    const std::int64_t queries = shape[1];
    const std::int64_t keys = packed ? queries : in[1].shape[1];
    const auto at = [&](std::size_t which, std::int64_t n, std::int64_t t, std::int64_t c) {
      if (packed)
        return in[0][(n * queries + t) * 3 * width + static_cast<std::int64_t>(which) * width + c];
      return in[which][(n * (which == 0 ? queries : keys) + t) * width + c];
    };
    std::vector<double> y;
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      for (std::int64_t q = 0; q < queries; ++q) {
        std::int64_t seen = causal ? q + 1 + keys - queries : keys;
        if (in.size() % 2 == 0) seen = std::min(seen, static_cast<std::int64_t>(in.back()[n]));
        for (std::int64_t c = 0; c < width; ++c) {
          const std::int64_t head = c / size * size;
          double total = 0;
          double sum = 0;
          for (std::int64_t k = 0; k < seen; ++k) {
            double score = 0;
            for (std::int64_t i = head; i < head + size; ++i)
              score += at(0, n, q, i) * at(1, n, k, i);
            const double weight = std::exp(score / std::sqrt(static_cast<double>(size)));
            total += weight;
            sum += weight * at(2, n, k, c);
          }
          y.push_back(seen > 0 ? sum / total : 0.0);
        }
      }
    }
    return {y};
  }
};

OpCase attention_case(const std::string& title, std::vector<CaseInput> inputs, std::int64_t heads,
                      bool causal) {
  return {.op = "attention",
          .title = title,
          .inputs = std::move(inputs),
          .attributes = {{"causal", std::int64_t{causal ? 1 : 0}}, {"heads", heads}},
          .reference = Attended{heads, causal},
          .tolerance = 1.0e-5};
}

CaseInput lengths(std::vector<double> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return given(DType::i32, {count}, std::move(values));
}

/// Each sequence as a sample of its own.
OpCase ragged_case(const std::string& title, std::int64_t width, std::int64_t heads, bool causal,
                   const std::vector<double>& of_each) {
  std::int64_t tokens = 0;
  for (const double length : of_each) tokens += static_cast<std::int64_t>(length);
  return {.op = "ragged_attention",
          .title = title,
          .inputs = {real({tokens, 3 * width}, -2, 2), lengths(of_each)},
          .attributes = {{"causal", std::int64_t{causal ? 1 : 0}}, {"heads", heads}},
          .reference =
              [=](const Inputs& in) {
                std::vector<double> y;
                auto at = in[0].v.begin();
                for (const double one : of_each) {
                  const auto length = static_cast<std::int64_t>(one);
                  const auto end = at + length * 3 * width;
                  const Value sequence{{1, length, 3 * width}, {at, end}};
                  const Outputs out = Attended{heads, causal}({sequence});
                  y.insert(y.end(), out[0].begin(), out[0].end());
                  at = end;
                }
                return Outputs{y};
              },
          .tolerance = 1.0e-5};
}

OpCase sinusoidal_case(const std::string& title, const Shape& shape) {
  return {.op = "add_sinusoidal",
          .title = title,
          .inputs = {real(shape)},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              const std::int64_t c = i % shape[2];
              const auto t = static_cast<double>(i / shape[2] % shape[1]);
              const double angle = t / std::pow(10000.0, static_cast<double>(c - c % 2) /
                                                             static_cast<double>(shape[2]));
              y.push_back(in[0][i] + (c % 2 == 0 ? std::sin(angle) : std::cos(angle)));
            }
            return Outputs{y};
          }};
}

/// Positions told: those of sequences of these lengths.
std::vector<double> positions_of(const std::vector<double>& of_each) {
  std::vector<double> positions;
  for (const double length : of_each) {
    for (double t = 0; t < length; ++t) positions.push_back(t);
  }
  return positions;
}

OpCase sinusoidal_at_case(const std::string& title, std::int64_t width,
                          const std::vector<double>& of_each) {
  const std::vector<double> positions = positions_of(of_each);
  const auto rows = static_cast<std::int64_t>(positions.size());
  return {.op = "add_sinusoidal",
          .title = title,
          .inputs = {real({rows, width}), given(DType::i32, {rows}, positions)},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            for (std::int64_t i = 0; i < rows * width; ++i) {
              const std::int64_t c = i % width;
              const double angle =
                  in[1][i / width] /
                  std::pow(10000.0, static_cast<double>(c - c % 2) / static_cast<double>(width));
              y.push_back(in[0][i] + (c % 2 == 0 ? std::sin(angle) : std::cos(angle)));
            }
            return Outputs{y};
          }};
}

OpCase positions_case(const std::string& title, const std::vector<double>& of_each) {
  const std::vector<double> positions = positions_of(of_each);
  return {.op = "sequence_positions",
          .title = title,
          .inputs = {lengths(of_each), real({static_cast<std::int64_t>(positions.size()), 2})},
          .reference = [=](const Inputs&) { return Outputs{positions}; }};
}

OpCase rotary_case(const std::string& title, const Shape& shape, std::int64_t columns,
                   std::int64_t size, double base) {
  return {.op = "rotary",
          .title = title,
          .inputs = {real(shape)},
          .attributes = {{"base", base}, {"columns", columns}, {"size", size}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y(in[0].v);
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              const std::int64_t c = i % shape[2];
              if (c >= columns) continue;
              const std::int64_t pair = c % size % (size / 2);
              const double angle =
                  static_cast<double>(i / shape[2] % shape[1]) *
                  std::pow(base, -2.0 * static_cast<double>(pair) / static_cast<double>(size));
              const bool first = c % size < size / 2;
              const double other = in[0][first ? i + size / 2 : i - size / 2];
              y[static_cast<std::size_t>(i)] =
                  std::cos(angle) * in[0][i] + (first ? -1 : 1) * std::sin(angle) * other;
            }
            return Outputs{y};
          }};
}

/// Along an axis that is not the last.
OpCase concat_axis_case(const std::string& title, std::vector<CaseInput> parts, std::int64_t axis) {
  return {.op = "concat",
          .title = title,
          .inputs = std::move(parts),
          .attributes = {{"axis", axis}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            std::int64_t rows = 1;
            for (std::int64_t i = 0; i < axis; ++i)
              rows *= in[0].shape[static_cast<std::size_t>(i)];
            for (std::int64_t r = 0; r < rows; ++r) {
              for (const Value& part : in) {
                const std::int64_t columns = part.count() / rows;
                for (std::int64_t c = 0; c < columns; ++c) y.push_back(part[r * columns + c]);
              }
            }
            return Outputs{y};
          }};
}

OpCase slice_axis_case(const std::string& title, const Shape& shape, std::int64_t axis,
                       std::int64_t first, std::int64_t count) {
  return {.op = "slice",
          .title = title,
          .inputs = {real(shape)},
          .attributes = {{"axis", axis}, {"count", count}, {"first", first}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            std::int64_t step = 1;
            for (auto i = static_cast<std::size_t>(axis) + 1; i < shape.rank(); ++i)
              step *= shape[i];
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              const std::int64_t place = i / step % shape[static_cast<std::size_t>(axis)];
              if (place >= first && place < first + count) y.push_back(in[0][i]);
            }
            return Outputs{y};
          }};
}

}  // namespace

std::vector<OpCase> sequence_cases() {
  return {
      attention_case("packed", {real({2, 5, 12})}, 2, false),
      attention_case("packed and causal", {real({2, 5, 12}, -2, 2)}, 2, true),
      attention_case("packed with padding", {real({3, 4, 18}), lengths({4, 1, 2})}, 3, false),
      attention_case("packed, causal, with padding", {real({3, 4, 6}), lengths({4, 1, 3})}, 1,
                     true),
      attention_case("a sample that is all padding", {real({2, 3, 6}), lengths({0, 3})}, 1, false),
      attention_case("other keys than queries", {real({2, 3, 8}), real({2, 5, 8}), real({2, 5, 8})},
                     4, false),
      attention_case("the last queries of a longer row",
                     {real({1, 2, 4}), real({1, 5, 4}), real({1, 5, 4})}, 2, true),
      attention_case("keys with padding",
                     {real({2, 3, 4}), real({2, 6, 4}), real({2, 6, 4}), lengths({6, 2})}, 2,
                     false),
      attention_case("large", {real({3, 37, 96})}, 4, true),
      attention_case("large, more keys than queries",
                     {real({2, 29, 64}), real({2, 34, 64}), real({2, 34, 64}), lengths({34, 15})},
                     2, true),
      ragged_case("three lengths", 6, 2, false, {3, 1, 4}),
      ragged_case("causal, an empty sequence", 4, 1, true, {2, 0, 5}),
      ragged_case("large and causal", 64, 2, true, {37, 12, 1, 25}),
      ragged_case("one sequence", 8, 4, false, {6}),
      sinusoidal_case("even width", {2, 5, 6}),
      sinusoidal_case("odd width, many rows", {7, 60, 33}),
      sinusoidal_at_case("positions told", 5, {3, 0, 4}),
      positions_case("three lengths", {3, 1, 4}),
      positions_case("an empty sequence", {2, 0, 1}),
      rotary_case("all columns", {2, 5, 8}, 8, 4, 10000.0),
      rotary_case("queries and keys of three parts", {2, 4, 12}, 8, 4, 100.0),
      rotary_case("large", {5, 70, 96}, 64, 32, 10000.0),
      concat_axis_case("rows", {real({2, 3}), real({1, 3}), real({4, 3})}, 0),
      concat_axis_case("the middle", {real({2, 3, 4}), real({2, 1, 4})}, 1),
      slice_axis_case("some rows", {5, 3}, 0, 1, 3),
      slice_axis_case("of the middle", {2, 7, 5}, 1, 2, 4),
  };
}

}  // namespace raven::test
