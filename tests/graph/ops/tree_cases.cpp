#include <algorithm>
#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

double logistic(double z) { return 1.0 / (1.0 + std::exp(-z)); }

/// A cell by its formula, node by node: children stand before their parents. @see tree.hpp
struct Climbed {
  bool leaves_only;
  std::int64_t positions;

  Outputs operator()(const Inputs& in) const {
    const std::int64_t size = in[0].shape[1] / (leaves_only ? 3 : 4);
    const std::int64_t seen = in[3].shape[1];
    std::vector<std::vector<double>> h;
    std::vector<std::vector<double>> c;
    std::int64_t first = 0;
    std::int64_t leaf = 0;
    for (std::int64_t tree = 0; tree < in[2].count(); ++tree) {
      const auto count = static_cast<std::int64_t>(in[2][tree]);
      for (std::int64_t node = 0; node < count; ++node) {
        std::vector<std::size_t> children;
        for (std::int64_t k = 0; k < node; ++k) {
          if (static_cast<std::int64_t>(in[1][first + k]) == node) {
            children.push_back(static_cast<std::size_t>(first + k));
          }
        }
        std::vector<double> sees(static_cast<std::size_t>(seen), 0.0);
        for (std::size_t k = 0; k < children.size(); ++k) {
          for (std::size_t i = 0; i < h[children[k]].size(); ++i) {
            sees[(positions > 0 ? k * h[children[k]].size() : 0) + i] += h[children[k]][i];
          }
        }
        /// Input of a block, i f g o, beside what is seen of children.
        const auto given = [&](std::int64_t block, std::int64_t i) {
          if (!leaves_only) return in[0][((first + node) * 4 + block) * size + i];
          if (!children.empty()) return in[5][block * size + i];
          return in[0][(leaf * 3 + (block == 0 ? 0 : block - 1)) * size + i];
        };
        const auto product = [&](std::size_t weight, std::int64_t row,
                                 const std::vector<double>& with) {
          double sum = 0;
          for (std::size_t k = 0; k < with.size(); ++k) {
            sum += in[weight][row * in[weight].shape[1] + static_cast<std::int64_t>(k)] * with[k];
          }
          return sum;
        };
        std::vector<double> h_now;
        std::vector<double> c_now;
        for (std::int64_t i = 0; i < size; ++i) {
          const double in_gate = logistic(given(0, i) + product(3, i, sees));
          const double fresh = std::tanh(given(2, i) + product(3, size + i, sees));
          const double out = logistic(given(3, i) + product(3, 2 * size + i, sees));
          double now = in_gate * fresh;
          for (std::size_t k = 0; k < children.size(); ++k) {
            const double seen_by_f = positions > 0
                                         ? product(4, static_cast<std::int64_t>(k) * size + i, sees)
                                         : product(4, i, h[children[k]]);
            now += logistic(given(1, i) + seen_by_f) * c[children[k]][static_cast<std::size_t>(i)];
          }
          c_now.push_back(now);
          h_now.push_back(out * std::tanh(now));
        }
        h.push_back(h_now);
        c.push_back(c_now);
        if (children.empty()) ++leaf;
      }
      first += count;
    }
    std::vector<double> y;
    for (const auto& row : h) y.insert(y.end(), row.begin(), row.end());
    return {y};
  }
};

CaseInput numbers(std::vector<double> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return given(DType::i32, {count}, std::move(values));
}

OpCase tree_case(const std::string& title, std::vector<double> parents, std::vector<double> nodes,
                 std::int64_t leaves, std::int64_t size, std::int64_t positions) {
  const auto count = static_cast<std::int64_t>(parents.size());
  const std::int64_t seen = std::max<std::int64_t>(1, positions) * size;
  OpCase made{
      .op = positions > 0 ? "tree_lstm_nary" : "tree_lstm",
      .title = title,
      .inputs = {leaves > 0 ? real({leaves, 3 * size}, -2, 2) : real({count, 4 * size}, -2, 2),
                 numbers(std::move(parents)), numbers(std::move(nodes)), real({3 * size, seen}),
                 real({seen, seen})},
      .reference = Climbed{leaves > 0, positions},
      .tolerance = 2.0e-5};
  if (leaves > 0) made.inputs.push_back(real({4 * size}));
  if (positions > 0) made.attributes.set("children", positions);
  return made;
}

/// tree_lstm_cell of two or three children by the same formula: each row a tree of leaves and a
/// root, whose leaves' states are given.
OpCase cell_case(const std::string& title, std::int64_t rows, std::int64_t size,
                 std::int64_t children) {
  const std::int64_t seen = children * size;
  OpCase made{
      .op = "tree_lstm_cell", .title = title, .inputs = {}, .reference = {}, .tolerance = 1.0e-5};
  for (std::int64_t i = 0; i < 2 * children; ++i) made.inputs.push_back(real({rows, size}));
  made.inputs.insert(made.inputs.end(),
                     {real({3 * size, seen}), real({seen, seen}), real({4 * size})});
  made.reference = [=](const Inputs& in) {
    const auto first = static_cast<std::size_t>(2 * children);
    std::vector<double> h;
    std::vector<double> c;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto z = [&](std::size_t weight, std::int64_t row, std::int64_t bias) {
        double sum = in[first + 2][bias];
        for (std::int64_t k = 0; k < seen; ++k) {
          sum += in[weight][row * seen + k] *
                 in[static_cast<std::size_t>(2 * (k / size))][r * size + k % size];
        }
        return sum;
      };
      for (std::int64_t i = 0; i < size; ++i) {
        double now = logistic(z(first, i, i)) * std::tanh(z(first, size + i, 2 * size + i));
        for (std::int64_t k = 0; k < children; ++k) {
          now += logistic(z(first + 1, k * size + i, size + i)) *
                 in[static_cast<std::size_t>(2 * k + 1)][r * size + i];
        }
        c.push_back(now);
        h.push_back(logistic(z(first, 2 * size + i, 3 * size + i)) * std::tanh(now));
      }
    }
    return Outputs{h, c};
  };
  return made;
}

OpCase leaf_case(const std::string& title, std::int64_t rows, std::int64_t size) {
  return {.op = "tree_lstm_leaf",
          .title = title,
          .inputs = {real({rows, 3 * size}, -2, 2)},
          .reference = [=](const Inputs& in) {
            std::vector<double> h;
            std::vector<double> c;
            for (std::int64_t i = 0; i < rows * size; ++i) {
              const auto x = [&](std::int64_t block) {
                return in[0][(i / size * 3 + block) * size + i % size];
              };
              c.push_back(logistic(x(0)) * std::tanh(x(1)));
              h.push_back(logistic(x(2)) * std::tanh(c.back()));
            }
            return Outputs{h, c};
          }};
}

OpCase lstm_cell_case(const std::string& title, std::int64_t rows, std::int64_t size) {
  return {.op = "lstm_cell",
          .title = title,
          .inputs = {real({rows, 4 * size}, -2, 2), real({rows, size}, -2, 2)},
          .reference = [=](const Inputs& in) {
            std::vector<double> h;
            std::vector<double> c;
            for (std::int64_t i = 0; i < rows * size; ++i) {
              const auto x = [&](std::int64_t block) {
                return in[0][(i / size * 4 + block) * size + i % size];
              };
              c.push_back(logistic(x(1)) * in[1][i] + logistic(x(0)) * std::tanh(x(2)));
              h.push_back(logistic(x(3)) * std::tanh(c.back()));
            }
            return Outputs{h, c};
          }};
}

/// `reduce` makes one number of a segment's column.
OpCase segment_case(const std::string& op, const std::string& title, std::vector<double> lengths,
                    const Shape& row, double (*reduce)(const std::vector<double>&)) {
  double sum = 0;
  for (const double length : lengths) sum += length;
  return {.op = op,
          .title = title,
          .inputs = {real(row.with_first(static_cast<std::int64_t>(sum))), numbers(lengths)},
          .reference = [=](const Inputs& in) {
            std::vector<double> y;
            std::int64_t first = 0;
            for (const double length : lengths) {
              for (std::int64_t column = 0; column < row.count(); ++column) {
                std::vector<double> values;
                for (std::int64_t r = first; r < first + static_cast<std::int64_t>(length); ++r) {
                  values.push_back(in[0][r * row.count() + column]);
                }
                y.push_back(reduce(values));
              }
              first += static_cast<std::int64_t>(length);
            }
            return Outputs{y};
          }};
}

void add_segments(std::vector<OpCase>& cases) {
  using Values = std::vector<double>;
  const auto sum = [](const Values& v) {
    double total = 0;
    for (const double value : v) total += value;
    return total;
  };
  const auto mean = [](const Values& v) {
    double total = 0;
    for (const double value : v) total += value;
    return total / static_cast<double>(v.size());
  };
  const auto max = [](const Values& v) { return *std::max_element(v.begin(), v.end()); };
  const auto first = [](const Values& v) { return v.front(); };
  const auto last = [](const Values& v) { return v.back(); };
  const std::pair<const char*, double (*)(const Values&)> all[] = {{"segment_sum", sum},
                                                                   {"segment_mean", mean},
                                                                   {"segment_max", max},
                                                                   {"first_rows", first},
                                                                   {"last_rows", last}};
  for (const auto& [op, reduce] : all) {
    cases.push_back(segment_case(op, "of several lengths", {2, 1, 4, 3}, {3}, reduce));
    cases.push_back(segment_case(op, "of matrices", {1, 1, 2}, {2, 3}, reduce));
    cases.push_back(segment_case(op, "of numbers", {5, 3}, {}, reduce));
  }
}

OpCase scatter_case(const std::string& title, std::vector<double> indices, const Shape& row,
                    std::int64_t entries) {
  const auto count = static_cast<std::int64_t>(indices.size());
  return {.op = "scatter",
          .title = title,
          .inputs = {real(row.with_first(count)), numbers(std::move(indices))},
          .attributes = {{"entries", entries}},
          .reference = [=](const Inputs& in) {
            std::vector<double> y(static_cast<std::size_t>(entries * row.count()), 0.0);
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              const auto to = static_cast<std::int64_t>(in[1][i / row.count()]);
              y[static_cast<std::size_t>(to * row.count() + i % row.count())] += in[0][i];
            }
            return Outputs{y};
          }};
}

OpCase mask_case(const std::string& title, const Shape& shape, CaseInput mask) {
  return {.op = "masked_fill",
          .title = title,
          .inputs = {real(shape), std::move(mask)},
          .attributes = {{"value", -2.5}},
          .reference = [](const Inputs& in) {
            std::vector<double> y;
            for (std::int64_t i = 0; i < in[0].count(); ++i) {
              const bool hidden = in[1][i / (in[0].count() / in[1].count())] != 0;
              y.push_back(hidden ? -2.5 : in[0][i]);
            }
            return Outputs{y};
          }};
}

}  // namespace

std::vector<OpCase> tree_cases() {
  // ((a b) c), d, (e (f g))
  const std::vector<double> binary = {2, 2, 4, 4, -1, -1, 4, 3, 3, 4, -1};
  const std::vector<double> three = {5, 1, 5};
  std::vector<OpCase> cases = {
      tree_case("input at every node", {2, 2, 4, 4, -1, -1, 3, 3, 3, -1}, {5, 1, 4}, 0, 3, 0),
      tree_case("input at leaves", {2, 2, 4, 4, -1, -1, 3, 3, 3, -1}, {5, 1, 4}, 7, 3, 0),
      tree_case("a chain", {1, 2, -1}, {3}, 0, 2, 0),
      tree_case("single nodes", {-1, -1}, {1, 1}, 2, 4, 0),
      tree_case("wide", {2, 2, -1}, {3}, 2, 35, 0),
      tree_case("binary, input at leaves", binary, three, 7, 3, 2),
      tree_case("binary, input at every node", binary, three, 0, 2, 2),
      tree_case("up to three children", {2, 2, 4, 4, -1, -1, 3, 3, 3, -1}, {5, 1, 4}, 7, 2, 3),
      tree_case("single nodes by position", {-1, -1}, {1, 1}, 2, 4, 2),
      cell_case("binary", 3, 4, 2),
      cell_case("one row of three children", 1, 2, 3),
      cell_case("wide", 2, 19, 2),
      leaf_case("small", 3, 4),
      leaf_case("wide", 2, 35),
      lstm_cell_case("small", 3, 4),
      lstm_cell_case("wide", 2, 35),
      scatter_case("rows", {4, 0, 4, 2}, {3}, 6),
      scatter_case("numbers", {1, 1, 0}, {}, 2),
      scatter_case("matrices", {2, 0}, {2, 2}, 3),
      mask_case("by elements", {2, 3}, given(DType::i32, {2, 3}, {0, 1, 0, 2, 0, 0})),
      mask_case("by rows", {4, 2, 3}, numbers({0, 1, 1, 0})),
      mask_case("by real numbers", {3, 2}, given(DType::f32, {3}, {0, 0.5, 0})),
  };
  add_segments(cases);
  return cases;
}

}  // namespace raven::test
