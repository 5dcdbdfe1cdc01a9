#include <cmath>

#include "graph/ops/cases.hpp"

namespace raven::test {
namespace {

double logistic(double z) { return 1.0 / (1.0 + std::exp(-z)); }

/// A cell by its formula, one number of one state at a time. Inputs after the learnt ones are the
/// state that it goes on from; then it also tells the last one.
struct Walked {
  std::string cell;
  bool reverse;

  Outputs operator()(const Inputs& in) const {
    const std::int64_t length = in[0].shape[1];
    const std::int64_t gates = in[0].shape[2];
    const std::int64_t size = in[1].shape[1];
    const std::size_t learnt = cell == "gru" ? 3 : 2;
    const auto first_state = [&](std::size_t part, std::int64_t n) {
      std::vector<double> first(static_cast<std::size_t>(size), 0.0);
      for (std::size_t i = 0; i < first.size() && learnt + part < in.size(); ++i) {
        first[i] = in[learnt + part][n * size + static_cast<std::int64_t>(i)];
      }
      return first;
    };
    Outputs last(in.size() - learnt);
    std::vector<double> y(static_cast<std::size_t>(in[0].shape[0] * length * size));
    for (std::int64_t n = 0; n < in[0].shape[0]; ++n) {
      std::vector<double> h = first_state(0, n);
      std::vector<double> c = first_state(1, n);
      for (std::int64_t s = 0; s < length; ++s) {
        const std::int64_t t = reverse ? length - 1 - s : s;
        const auto from_state = [&](std::int64_t gate, std::size_t i) {
          double sum = 0;
          for (std::int64_t k = 0; k < size; ++k) {
            sum += in[1][(gate * size + static_cast<std::int64_t>(i)) * size + k] *
                   h[static_cast<std::size_t>(k)];
          }
          return sum;
        };
        const auto x = [&](std::int64_t gate, std::size_t i) {
          return in[0][(n * length + t) * gates + gate * size + static_cast<std::int64_t>(i)];
        };
        std::vector<double> now(h.size());
        for (std::size_t i = 0; i < h.size(); ++i) {
          const auto z = [&](std::int64_t gate) { return x(gate, i) + from_state(gate, i); };
          if (cell == "rnn") {
            now[i] = std::tanh(z(0));
          } else if (cell == "lstm") {
            c[i] = logistic(z(1)) * c[i] + logistic(z(0)) * std::tanh(z(2));
            now[i] = logistic(z(3)) * std::tanh(c[i]);
          } else {
            const double fresh =
                std::tanh(x(2, i) + logistic(z(0)) *
                                        (from_state(2, i) + in[2][static_cast<std::int64_t>(i)]));
            now[i] = (1 - logistic(z(1))) * fresh + logistic(z(1)) * h[i];
          }
        }
        h = now;
        for (std::size_t i = 0; i < h.size(); ++i) {
          y[static_cast<std::size_t>((n * length + t) * size) + i] = h[i];
        }
      }
      for (std::size_t part = 0; part < last.size(); ++part) {
        const std::vector<double>& state = part == 0 ? h : c;
        last[part].insert(last[part].end(), state.begin(), state.end());
      }
    }
    last.insert(last.begin(), std::move(y));
    return last;
  }
};

OpCase recurrent_case(const std::string& cell, const std::string& title, std::int64_t batch,
                      std::int64_t length, std::int64_t size, bool reverse) {
  const std::int64_t gates = (cell == "lstm" ? 4 : cell == "gru" ? 3 : 1) * size;
  OpCase made{.op = cell,
              .title = title,
              .inputs = {real({batch, length, gates}, -2, 2), real({gates, size})},
              .attributes = {{"reverse", std::int64_t{reverse ? 1 : 0}}},
              .reference = Walked{cell, reverse},
              .tolerance = 2.0e-5};
  if (cell == "gru") made.inputs.push_back(real({size}));
  return made;
}

OpCase continued_case(const std::string& cell, const std::string& title, std::int64_t batch,
                      std::int64_t length, std::int64_t size, bool reverse) {
  OpCase made = recurrent_case(cell, title, batch, length, size, reverse);
  for (int part = 0; part < (cell == "lstm" ? 2 : 1); ++part) {
    made.inputs.push_back(real({batch, size}, -2, 2));
  }
  return made;
}

/// Each sequence alone through the cell of sequences of equal length.
struct WalkedApart {
  std::string cell;
  bool reverse;

  Outputs operator()(const Inputs& in) const {
    std::vector<double> y;
    std::int64_t first = 0;
    for (std::int64_t n = 0; n < in[1].count(); ++n) {
      const auto length = static_cast<std::int64_t>(in[1][n]);
      const std::int64_t width = in[0].shape[1];
      const auto begin = in[0].v.begin() + first * width;
      Inputs one{{{1, length, width}, {begin, begin + length * width}}};
      one.insert(one.end(), in.begin() + 2, in.end());
      const Outputs states = Walked{cell, reverse}(one);
      y.insert(y.end(), states[0].begin(), states[0].end());
      first += length;
    }
    return {y};
  }
};

OpCase ragged_case(const std::string& cell, const std::string& title, std::vector<double> lengths,
                   std::int64_t size, bool reverse) {
  const std::int64_t gates = (cell == "lstm" ? 4 : cell == "gru" ? 3 : 1) * size;
  double tokens = 0;
  for (const double length : lengths) tokens += length;
  const auto count = static_cast<std::int64_t>(lengths.size());
  OpCase made{.op = "ragged_" + cell,
              .title = title,
              .inputs = {real({static_cast<std::int64_t>(tokens), gates}, -2, 2),
                         given(DType::i32, {count}, std::move(lengths)), real({gates, size})},
              .attributes = {{"reverse", std::int64_t{reverse ? 1 : 0}}},
              .reference = WalkedApart{cell, reverse},
              .tolerance = 2.0e-5};
  if (cell == "gru") made.inputs.push_back(real({size}));
  return made;
}

}  // namespace

std::vector<OpCase> recurrent_cases() {
  std::vector<OpCase> cases;
  for (const std::string cell : {"rnn", "gru", "lstm"}) {
    cases.push_back(recurrent_case(cell, "forward", 2, 4, 3, false));
    cases.push_back(recurrent_case(cell, "backward", 3, 3, 2, true));
    cases.push_back(recurrent_case(cell, "of one position", 2, 1, 5, false));
    cases.push_back(recurrent_case(cell, "wide", 3, 2, 19, false));
    cases.push_back(recurrent_case(cell, "of many rows", 17, 2, 2, false));
    cases.push_back(continued_case(cell, "from a state", 2, 3, 3, false));
    cases.push_back(continued_case(cell, "from a state, backward", 3, 2, 4, true));
    cases.push_back(continued_case(cell, "from a state, one position", 3, 1, 2, false));
    cases.push_back(continued_case(cell, "from a state, wide, many rows", 17, 2, 19, false));
    cases.push_back(ragged_case(cell, "forward", {2, 4, 1, 3}, 3, false));
    cases.push_back(ragged_case(cell, "backward", {3, 1, 3, 2}, 2, true));
    cases.push_back(ragged_case(cell, "all of one token", {1, 1, 1}, 4, false));
    cases.push_back(ragged_case(cell, "one sequence, wide", {3}, 35, true));
    cases.push_back(ragged_case(cell, "many",
                                {1, 2, 3, 2, 1, 1, 2, 3, 3, 2, 1, 2, 2, 1, 1, 3, 2, 1}, 20, false));
  }
  return cases;
}

}  // namespace raven::test
