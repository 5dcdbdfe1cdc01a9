// A tag for each word of a sentence, word by word: cells called one after the other in a loop, as
// one would write them down. docs/how-to/write-a-model.md explains it;
// jobs/programs/word_tagger.yaml trains it.
#include <algorithm>
#include <numeric>
#include <raven/raven.hpp>
#include <string>
#include <vector>

namespace {

using raven::CellState;
using raven::Variable;

constexpr std::int64_t width = 128;
constexpr std::int64_t size = 64;
constexpr std::int64_t hidden = 32;

/// An LSTM in one direction, from a learnt state.
class Way {
 public:
  Way(raven::Builder& build, const std::string& name)
      : in_(build, name + ".in", width, 4 * size),
        state_(build.parameter(name + ".state", {4 * size, size})),
        h_(build.parameter(name + ".h", {1, size})),
        c_(build.parameter(name + ".c", {1, size})) {}

  /// The state at each word, in the order in which it goes. @param order numbers of words
  [[nodiscard]] std::vector<Variable> operator()(Variable words,
                                                 const std::vector<std::int64_t>& order) const {
    raven::Tape& tape = words.tape();
    const Variable weight = tape.parameter(state_);
    CellState now{tape.parameter(h_), tape.parameter(c_)};
    std::vector<Variable> states;
    for (const std::int64_t word : order) {
      const Variable gates = in_(raven::slice(words, 0, word, 1));
      now = raven::lstm_cell(raven::add(gates, raven::linear(now.h, weight)), now.c);
      states.push_back(now.h);
    }
    return states;
  }

 private:
  raven::Linear in_;
  raven::ParameterId state_;
  raven::ParameterId h_;
  raven::ParameterId c_;
};

/// A tag from the words before and after (Huang, Xu and Yu, arXiv:1508.01991, without their CRF).
class WordTagger {
 public:
  explicit WordTagger(raven::Builder& build)
      : words_(build, "words", build.vocabulary(), width),
        forward_(build, "forward"),
        reverse_(build, "reverse"),
        hidden_(build, "hidden", 2 * size, hidden, {raven::kernels::ActivationKind::tanh}),
        tags_(build, "tags", hidden, build.classes()) {}

  void operator()(const raven::Sample& sample) const {
    const Variable words = words_(sample.features());
    std::vector<std::int64_t> order(static_cast<std::size_t>(sample.size()));
    std::iota(order.begin(), order.end(), 0);
    const std::vector<Variable> before = forward_(words, order);
    std::reverse(order.begin(), order.end());
    const std::vector<Variable> after = reverse_(words, order);

    std::vector<Variable> logits;
    for (std::size_t word = 0; word < before.size(); ++word) {
      const Variable both[] = {before[word], after[after.size() - 1 - word]};
      logits.push_back(tags_(hidden_(raven::concat(both))));
    }
    const Variable all = raven::concat(logits, 0);
    sample.predict(all);
    sample.learn(raven::cross_entropy(all, sample.targets()));
    sample.report("accuracy", raven::class_hits(all, sample.targets()));
  }

 private:
  raven::Embedding words_;
  Way forward_;
  Way reverse_;
  raven::Linear hidden_;
  raven::Linear tags_;
};

}  // namespace

int main(int argc, char** argv) { return raven::run<WordTagger>(argc, argv, "word_tagger"); }
