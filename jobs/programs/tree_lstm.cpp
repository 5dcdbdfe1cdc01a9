// Sentiment of trees, written as a recursion: a model whose graph follows each sample's own tree.
// docs/how-to/write-a-model.md explains it; jobs/programs/tree_lstm.yaml trains it.
#include <raven/raven.hpp>
#include <vector>

namespace {

using raven::CellState;
using raven::Variable;

constexpr std::int64_t width = 64;
constexpr std::int64_t size = 64;

/// A binary tree LSTM (Tai, Socher and Manning, ACL 2015) with a class for each node.
class Sentiment {
 public:
  explicit Sentiment(raven::Builder& build)
      : words_(build, "words", build.vocabulary(), width),
        leaf_(build, "leaf", width, 3 * size),
        state_(build.parameter("state", {3 * size, 2 * size})),
        forget_(build.parameter("forget", {2 * size, 2 * size})),
        bias_(build.bias("inner", 4 * size)),
        classes_(build, "classes", size, build.classes()) {}

  void operator()(const raven::Sample& sample) const {
    if (sample.parents().empty()) {
      throw raven::InputError(
          "tree_lstm learns from trees, and this data has none",
          "make some with 'raven data make trees', or 'raven data import tree'");
    }
    raven::Tape& tape = sample.tape();
    // All leaves at once; a leaf is then a row of the result.
    const CellState leaves = raven::tree_lstm_leaf(leaf_(words_(sample.features())));
    const raven::TreeWeights weights{tape.parameter(state_), tape.parameter(forget_)};
    const Variable bias = tape.parameter(bias_);

    // Postorder: children have been made when their parent is reached.
    const auto parents = sample.parents();
    std::vector<std::vector<CellState>> children(parents.size());
    std::vector<Variable> states;
    std::int64_t leaf = 0;
    for (std::size_t node = 0; node < parents.size(); ++node) {
      CellState here;
      if (children[node].empty()) {
        here = {raven::slice(leaves.h, 0, leaf, 1), raven::slice(leaves.c, 0, leaf, 1)};
        ++leaf;
      } else {
        here = raven::tree_lstm_cell(children[node], weights, bias);
      }
      states.push_back(here.h);
      if (parents[node] >= 0) children[static_cast<std::size_t>(parents[node])].push_back(here);
    }

    const Variable logits = classes_(raven::concat(states, 0));
    const raven::ClassHits found = raven::class_hits(logits, sample.targets());
    const auto root = static_cast<std::int64_t>(parents.size()) - 1;
    sample.predict(logits);
    sample.learn(raven::cross_entropy(logits, sample.targets()));
    sample.report("accuracy", found);
    sample.report("root_accuracy", raven::slice(found.hits, 0, root, 1),
                  raven::slice(found.counted, 0, root, 1));
  }

 private:
  raven::Embedding words_;
  raven::Linear leaf_;
  raven::ParameterId state_;
  raven::ParameterId forget_;
  raven::ParameterId bias_;
  raven::Linear classes_;
};

}  // namespace

int main(int argc, char** argv) { return raven::run<Sentiment>(argc, argv, "tree_lstm"); }
