#include "graph/ops/cases.hpp"
#include "raven/core/random.hpp"

namespace raven::test {
namespace {

Outputs copy_reference(const Inputs& in) { return {in[0].v}; }

Outputs concat_reference(const Inputs& in) {
  std::vector<double> y;
  const std::int64_t rows = in[0].count() / in[0].shape.back();
  for (std::int64_t r = 0; r < rows; ++r) {
    for (const Value& part : in) {
      for (std::int64_t c = 0; c < part.shape.back(); ++c) {
        y.push_back(part[r * part.shape.back() + c]);
      }
    }
  }
  return {y};
}

OpCase slice_case(const std::string& title, const Shape& shape, std::int64_t first,
                  std::int64_t count) {
  return {.op = "slice",
          .title = title,
          .inputs = {real(shape)},
          .attributes = {{"first", first}, {"count", count}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              const std::int64_t column = i % shape.back();
              if (column >= first && column < first + count) y.push_back(in[0][i]);
            }
            return Outputs{y};
          }};
}

OpCase embedding_case(const std::string& title, const Shape& indices, const Shape& table,
                      std::int64_t padding_index) {
  return {.op = "embedding",
          .title = title,
          .inputs = {whole(indices, 0, static_cast<double>(table[0])), real(table)},
          .attributes = {{"padding_index", padding_index}},
          .reference = [](const Inputs& in) {
            std::vector<double> y;
            const std::int64_t width = in[1].shape[1];
            for (const double index : in[0].v) {
              for (std::int64_t c = 0; c < width; ++c) {
                y.push_back(in[1][static_cast<std::int64_t>(index) * width + c]);
              }
            }
            return Outputs{y};
          }};
}

/// Sum or mean along an axis, by the definition.
OpCase reduce_case(const std::string& op, const std::string& title, const Shape& shape,
                   std::int64_t axis) {
  return {.op = op,
          .title = title,
          .inputs = {real(shape)},
          .attributes = {{"axis", axis}},
          .reference = [=](const Inputs& in) {
            std::int64_t inner = 1;
            for (auto i = static_cast<std::size_t>(axis) + 1; i < shape.rank(); ++i)
              inner *= shape[i];
            const std::int64_t length = shape[static_cast<std::size_t>(axis)];
            std::vector<double> y(static_cast<std::size_t>(shape.count() / length), 0.0);
            for (std::int64_t i = 0; i < shape.count(); ++i) {
              const std::int64_t to = i / (inner * length) * inner + i % inner;
              y[static_cast<std::size_t>(to)] +=
                  op == "mean" ? in[0][i] / static_cast<double>(length) : in[0][i];
            }
            return Outputs{y};
          }};
}

OpCase pick_case(const std::string& title, std::vector<CaseInput> inputs,
                 std::vector<std::int64_t> runs) {
  return {.op = "pick",
          .title = title,
          .inputs = std::move(inputs),
          .attributes = {{"runs", runs}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            for (std::size_t i = 0; i < runs.size(); i += 3) {
              const Value& from = in[static_cast<std::size_t>(runs[i])];
              const std::int64_t width = from.shape.row_count();
              for (std::int64_t k = 0; k < runs[i + 2] * width; ++k) {
                y.push_back(from[runs[i + 1] * width + k]);
              }
            }
            return Outputs{y};
          }};
}

OpCase dropout_case(const std::string& title, const Shape& shape, double p) {
  return {.op = "dropout",
          .title = title,
          .inputs = {real(shape)},
          .attributes = {{"p", p}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            const std::int64_t columns = shape.row_count();
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              RandomKey key = case_key();
              key.sample += static_cast<std::uint64_t>(i / columns);
              const auto word = static_cast<std::uint32_t>(i % columns);
              const bool keep =
                  to_unit_float(key.words(word / 4)[word % 4]) >= static_cast<float>(p);
              y.push_back(keep ? in[0][i] / (1.0 - p) : 0.0);
            }
            return Outputs{y};
          }};
}

}  // namespace

std::vector<OpCase> layout_cases() {
  std::vector<OpCase> cases = {
      {.op = "reshape",
       .title = "flatten",
       .inputs = {real({2, 3, 4})},
       .attributes = {{"shape", std::vector<std::int64_t>{2, 12}}},
       .reference = copy_reference},
      {.op = "reshape",
       .title = "to a scalar and from whole numbers",
       .inputs = {whole({1, 1}, 0, 9)},
       .attributes = {{"shape", std::vector<std::int64_t>{}}},
       .reference = copy_reference},
      {.op = "concat",
       .title = "two matrices",
       .inputs = {real({3, 2}), real({3, 5})},
       .reference = concat_reference},
      {.op = "concat",
       .title = "four parts of rank 3",
       .inputs = {real({2, 3, 1}), real({2, 3, 4}), real({2, 3, 2}), real({2, 3, 3})},
       .reference = concat_reference},
      {.op = "concat",
       .title = "large",
       .inputs = {real({500, 70}), real({500, 33})},
       .reference = concat_reference},
      slice_case("the middle", {4, 7}, 2, 3),
      slice_case("all", {2, 3, 5}, 0, 5),
      slice_case("one column of many rows", {3000, 19}, 18, 1),
      {.op = "to_f32",
       .title = "small",
       .inputs = {whole({5}, -9, 9)},
       .reference = copy_reference},
      {.op = "to_f32",
       .title = "large",
       .inputs = {whole({300, 200}, -9000, 9000)},
       .reference = copy_reference},
      {.op = "concat",
       .title = "whole numbers",
       .inputs = {whole({3}, 0, 9), whole({2}, 0, 9)},
       .reference = concat_reference},
      {.op = "slice",
       .title = "whole numbers",
       .inputs = {whole({6}, -9, 9)},
       .attributes = {{"axis", std::int64_t{0}},
                      {"count", std::int64_t{2}},
                      {"first", std::int64_t{3}}},
       .reference =
           [](const Inputs& in) {
             return Outputs{{in[0][3], in[0][4]}};
           }},
      pick_case("rows of three values", {real({4, 3}), real({2, 3}), real({5, 3})},
                {2, 1, 2, 0, 0, 4, 1, 1, 1, 2, 4, 1}),
      pick_case("rows again, out of order and overlapping", {real({6, 2, 2})},
                {0, 3, 2, 0, 0, 1, 0, 2, 3, 0, 0, 1}),
      pick_case("numbers, one input unused", {real({3}), real({7})}, {1, 6, 1, 1, 0, 1}),
      pick_case("whole numbers", {whole({4}, 0, 99), whole({3}, 0, 99)}, {1, 0, 2, 0, 3, 1}),
      pick_case("large", {real({200, 70}), real({300, 70})}, {1, 100, 150, 0, 0, 200, 1, 0, 300}),
      embedding_case("with repeated indices", {4, 3}, {5, 3}, -1),
      embedding_case("large", {40, 30}, {200, 33}, -1),
      dropout_case("half", {5, 9}, 0.5),
      dropout_case("a tenth of images", {3, 4, 5, 2}, 0.1),
      dropout_case("large", {400, 130}, 0.25),
  };
  for (const std::string op : {"sum", "mean"}) {
    cases.push_back(reduce_case(op, "rows", {4, 6}, 1));
    cases.push_back(reduce_case(op, "columns", {4, 6}, 0));
    cases.push_back(reduce_case(op, "the middle", {3, 5, 4}, 1));
    cases.push_back(reduce_case(op, "large", {70, 40, 30}, 1));
  }
  return cases;
}

}  // namespace raven::test
