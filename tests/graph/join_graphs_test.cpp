#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <random>

#include "nets.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/autobatch.hpp"
#include "raven/graph/ops/activation.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/loss.hpp"
#include "raven/graph/ops/metric.hpp"
#include "raven/graph/ops/reduce.hpp"
#include "raven/graph/plan.hpp"

namespace raven {
namespace {

constexpr std::int64_t words = 11;
constexpr std::int64_t width = 6;
constexpr std::int64_t classes = 3;

/// A model of two weights and a table that is recorded for one sample at a time.
struct Model {
  ParameterStore store;
  ParameterId table = test::add_parameter(store, {words, width});
  ParameterId inner = test::add_parameter(store, {width, 2 * width});
  ParameterId outer = test::add_parameter(store, {classes, width});

  Model() {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (std::uint32_t i = 0; i < store.size(); ++i) {
      Tensor value = store.take({i});
      for (float& element : value.values()) element = 0.5F * normal(random);
      store.replace({i}, std::move(value), 0);
    }
  }

  /// A class for each node of a chain over the tokens, and one of those in the middle once more.
  [[nodiscard]] Graph chain(std::int64_t length) const {
    Tape tape;
    const Variable tokens = tape.input(slot_features, {DType::i32, {length}});
    const Variable targets = tape.input(slot_targets, {DType::i32, {length + 1}});
    const Variable x = embedding(tokens, tape.parameter(store, table));
    std::vector<Variable> states{slice(x, 0, 0, 1)};
    for (std::int64_t i = 1; i < length; ++i) {
      const Variable parts[] = {states.back(), slice(x, 0, i, 1)};
      states.push_back(tanh(linear(concat(parts), tape.parameter(store, inner))));
    }
    const Variable all = concat(states, 0);
    const Variable more[] = {all, slice(all, 0, length / 2, 1)};
    end(tape, concat(more, 0), targets);
    return tape.take();
  }

  void end(Tape& tape, Variable h, Variable targets) const {
    const Variable logits = linear(h, tape.parameter(store, outer));
    tape.set_prediction(logits);
    const RowLosses loss = cross_entropy(logits, targets);
    tape.set_loss(loss.losses, loss.weights);
    tape.add_metric("accuracy", accuracy(logits, targets));
  }

  /// A class for each of `length` tokens.
  [[nodiscard]] Graph tagger(std::int64_t length) const {
    Tape tape;
    const Variable tokens = tape.input(slot_features, {DType::i32, {length}});
    const Variable targets = tape.input(slot_targets, {DType::i32, {length}});
    const Variable x = embedding(tokens, tape.parameter(store, table));
    end(tape, tanh(x), targets);
    return tape.take();
  }

  /// A class for a binary tree over `leaves` tokens, split as `random` says; a tree of one leaf
  /// does not use the weights of inner nodes.
  [[nodiscard]] Graph tree(std::int64_t leaves, std::mt19937& random) const {
    Tape tape;
    const Variable tokens = tape.input(slot_features, {DType::i32, {leaves}});
    const Variable targets = tape.input(slot_targets, {DType::i32, {1}});
    const Variable x = embedding(tokens, tape.parameter(store, table));
    const std::function<Variable(std::int64_t, std::int64_t)> above = [&](std::int64_t first,
                                                                          std::int64_t count) {
      if (count == 1) return slice(x, 0, first, 1);
      const auto left = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(count - 1));
      const Variable parts[] = {above(first, left), above(first + left, count - left)};
      return tanh(linear(concat(parts), tape.parameter(store, inner)));
    };
    end(tape, above(0, leaves), targets);
    return tape.take();
  }
};

/// Everything that a run of a training plan gives.
struct Outcome {
  std::vector<float> losses;
  std::vector<float> prediction;
  std::vector<float> metric;
  std::map<std::uint32_t, std::vector<double>> gradients;
};

Outcome run(const Model& model, Graph graph, std::vector<std::int32_t> tokens,
            std::vector<std::int32_t> targets) {
  const Plan plan(std::move(graph), Plan::Purpose::training);
  Workspace workspace(plan.workspace_bytes());
  const ConstView inputs[] = {
      {tokens.data(), {DType::i32, {static_cast<std::int64_t>(tokens.size())}}},
      {targets.data(), {DType::i32, {static_cast<std::int64_t>(targets.size())}}}};
  std::vector<ConstView> parameters;
  std::vector<Tensor> tensors;
  std::vector<View> gradients;
  for (const Parameter& parameter : model.store.all()) {
    parameters.push_back(parameter.value.view());
    tensors.emplace_back(parameter.value.type());
  }
  for (Tensor& tensor : tensors) gradients.push_back(tensor.view());
  const Bindings bindings{
      .inputs = inputs, .parameters = parameters, .gradients = gradients, .key = {}};
  plan.forward(workspace, bindings);
  const auto numbers = [&](ValueRef ref) {
    const ConstView view = plan.value(workspace, bindings, ref);
    return std::vector<float>(view.f32(), view.f32() + view.count());
  };
  Outcome outcome{.losses = numbers(plan.graph().losses.value()),
                  .prediction = numbers(plan.graph().prediction.value()),
                  .metric = numbers(plan.graph().metrics.front().value),
                  .gradients = {}};
  plan.backward(workspace, bindings, [&](ParameterId id) {
    const auto values = tensors[id.value].values();
    outcome.gradients[id.value].assign(values.begin(), values.end());
  });
  return outcome;
}

template <class Numbers>
void expect_near(const Numbers& got, const Numbers& wanted, const char* what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], wanted[i], 1e-5 * std::max(1.0, std::abs(static_cast<double>(wanted[i]))))
        << what << " " << i;
  }
}

struct Samples {
  std::vector<std::shared_ptr<const SampleGraph>> graphs;
  std::vector<std::vector<std::int32_t>> tokens;
  std::vector<std::vector<std::int32_t>> targets;

  void add(Graph graph, std::mt19937& random) {
    const auto draw = [&](std::uint32_t slot, unsigned below) {
      std::vector<std::int32_t> drawn;
      for (const Node& node : graph.nodes) {
        if (node.kind != Node::Kind::input || node.slot != slot) continue;
        for (std::int64_t i = 0; i < node.outputs[0].shape[0]; ++i) {
          drawn.push_back(static_cast<std::int32_t>(random() % below));
        }
      }
      return drawn;
    };
    tokens.push_back(draw(slot_features, words));
    targets.push_back(draw(slot_targets, classes));
    graphs.push_back(std::make_shared<const SampleGraph>(std::move(graph)));
  }
};

/// Joined, the samples give what each gives alone, one after the other, and gradients add up.
void expect_same_as_alone(const Model& model, const Samples& samples, Autobatch mode) {
  Outcome wanted;
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> targets;
  for (std::size_t i = 0; i < samples.graphs.size(); ++i) {
    const Outcome alone =
        run(model, Graph(samples.graphs[i]->graph()), samples.tokens[i], samples.targets[i]);
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(wanted.losses, alone.losses);
    append(wanted.prediction, alone.prediction);
    append(wanted.metric, alone.metric);
    append(tokens, samples.tokens[i]);
    append(targets, samples.targets[i]);
    for (const auto& [id, gradient] : alone.gradients) {
      std::vector<double>& sum = wanted.gradients[id];
      sum.resize(gradient.size());
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += gradient[k];
    }
  }
  const Outcome joined = run(model, join_graphs(samples.graphs, mode), tokens, targets);
  expect_near(joined.losses, wanted.losses, "losses");
  expect_near(joined.prediction, wanted.prediction, "prediction");
  expect_near(joined.metric, wanted.metric, "metric");
  ASSERT_EQ(joined.gradients.size(), wanted.gradients.size());
  for (const auto& [id, gradient] : wanted.gradients) {
    expect_near(joined.gradients.at(id), gradient, "gradient");
  }
}

std::size_t calls_of(const Graph& graph, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
        return node.kind == Node::Kind::call && (name.empty() || node.op->name == name);
      }));
}

class JoinGraphs : public testing::TestWithParam<Autobatch> {};

TEST_P(JoinGraphs, sentences_give_what_each_gives_alone) {
  const Model model;
  std::mt19937 random(1);
  for (int trial = 0; trial < 5; ++trial) {
    Samples samples;
    for (int i = 0; i < 1 + 4 * trial; ++i) samples.add(model.tagger(1 + random() % 9), random);
    expect_same_as_alone(model, samples, GetParam());
  }
}

TEST_P(JoinGraphs, trees_give_what_each_gives_alone) {
  const Model model;
  std::mt19937 random(2);
  for (int trial = 0; trial < 8; ++trial) {
    Samples samples;
    for (int i = 0; i < 1 + 3 * trial; ++i) {
      samples.add(model.tree(1 + random() % 12, random), random);
    }
    expect_same_as_alone(model, samples, GetParam());
  }
}

TEST_P(JoinGraphs, rows_put_together_give_what_each_gives_alone) {
  const Model model;
  std::mt19937 random(4);
  for (int trial = 0; trial < 5; ++trial) {
    Samples samples;
    for (int i = 0; i < 1 + 3 * trial; ++i) samples.add(model.chain(1 + random() % 7), random);
    expect_same_as_alone(model, samples, GetParam());
  }
}

TEST_P(JoinGraphs, equal_samples_in_equal_order_give_equal_graphs) {
  const Model model;
  const auto digest = [&](unsigned seed) {
    std::mt19937 random(seed);
    Samples samples;
    for (int i = 0; i < 9; ++i) samples.add(model.tree(3 + i % 4, random), random);
    return digest_of(join_graphs(samples.graphs, GetParam()));
  };
  EXPECT_EQ(digest(3), digest(3));
  EXPECT_NE(digest(3), digest(4));
}

INSTANTIATE_TEST_SUITE_P(Graph, JoinGraphs, testing::Values(Autobatch::on, Autobatch::off),
                         [](const auto& mode) {
                           return mode.param == Autobatch::on ? "on" : "off";
                         });

TEST(Autobatch, sentences_of_any_lengths_take_as_many_calls_as_one) {
  const Model model;
  std::mt19937 random(1);
  Samples samples;
  for (std::int64_t length = 1; length <= 20; ++length) samples.add(model.tagger(length), random);
  const Graph joined = join_graphs(samples.graphs, Autobatch::on);
  EXPECT_EQ(calls_of(joined, ""), calls_of(model.tagger(4), ""));
  EXPECT_GE(calls_of(join_graphs(samples.graphs, Autobatch::off), ""),
            20 * calls_of(model.tagger(4), ""));
}

TEST(Autobatch, nodes_of_one_height_are_one_call) {
  const Model model;
  Samples samples;
  // Every tree a chain of equal height: the model is a chain of as many calls as the highest.
  for (int i = 0; i < 16; ++i) {
    std::mt19937 random(7);
    samples.add(model.tree(8, random), random);
  }
  std::mt19937 random(7);
  const Graph alone = model.tree(8, random);
  const Graph joined = join_graphs(samples.graphs, Autobatch::on);
  EXPECT_LE(calls_of(joined, "linear"), calls_of(alone, "linear"));
  EXPECT_GE(calls_of(join_graphs(samples.graphs, Autobatch::off), "linear"),
            16 * calls_of(alone, "linear"));
}

TEST(Autobatch, rows_of_countless_pieces_are_put_together_by_calls) {
  const Model model;
  std::mt19937 random(3);
  Samples samples;
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    const Variable tokens = tape.input(slot_features, {DType::i32, {1}});
    const Variable targets = tape.input(slot_targets, {DType::i32, {1 << 14}});
    Variable x = embedding(tokens, tape.parameter(model.store, model.table));
    for (int doubling = 0; doubling < 14; ++doubling) {
      const Variable both[] = {x, x};
      x = concat(both, 0);
    }
    model.end(tape, x, targets);
    samples.add(tape.take(), random);
  }
  Graph joined = join_graphs(samples.graphs, Autobatch::on);
  EXPECT_GE(calls_of(joined, "concat"), 2U);
  std::vector<float> wanted;
  std::vector<std::int32_t> targets = samples.targets[0];
  targets.insert(targets.end(), samples.targets[1].begin(), samples.targets[1].end());
  for (std::size_t i = 0; i < 2; ++i) {
    const Outcome alone =
        run(model, Graph(samples.graphs[i]->graph()), samples.tokens[i], samples.targets[i]);
    wanted.insert(wanted.end(), alone.prediction.begin(), alone.prediction.end());
  }
  const Outcome both =
      run(model, std::move(joined), {samples.tokens[0][0], samples.tokens[1][0]}, targets);
  expect_near(both.prediction, wanted, "prediction");
}

/// What is wrong with joining, and what to do about it; empty when nothing is.
std::string complaint_about(const Samples& samples, const JoinLimits& limits = {}) {
  try {
    (void)join_graphs(samples.graphs, Autobatch::on, limits);
  } catch (const InputError& error) {
    return error.problem() + "; " + error.remedy();
  }
  return {};
}

TEST(Autobatch, calls_of_one_signature_that_are_not_alike_are_refused) {
  // Every call has the same signature here, as a sender would have it who can make hashes collide.
  const SampleGraph::SignatureOf same = [](ByteSpan) { return SampleGraph::Signature{1, 2}; };
  const Model model;
  const auto sample = [&](Graph graph) {
    return std::make_shared<const SampleGraph>(std::move(graph), same);
  };
  const auto one_call = [&](bool squares) {
    Tape tape;
    const Variable x = tape.input(slot_features, {DType::f32, {1, width}});
    tape.set_prediction(squares ? square(x) : tanh(x));
    return sample(tape.take());
  };
  Samples alike;
  alike.graphs = {one_call(true), one_call(true)};
  EXPECT_EQ(complaint_about(alike), "");
  Samples unlike;
  unlike.graphs = {one_call(true), one_call(false)};
  EXPECT_EQ(complaint_about(unlike),
            "graphs of samples can't be joined: two different calls have one signature; whoever "
            "sent the graphs damaged them, or made them up");

  // The same of what is made of parameters alone: a parameter, and a call on it.
  Tape tape;
  const Variable weight = tape.parameter(model.store, model.outer);
  const Variable x = tape.input(slot_features, {DType::f32, {1, width}});
  tape.set_prediction(linear(linear(x, weight), tanh(reshape(weight, {width, classes}))));
  Samples shared;
  shared.graphs = {sample(tape.take())};
  EXPECT_EQ(complaint_about(shared), complaint_about(unlike));
}

TEST(Autobatch, what_takes_too_much_together_is_refused) {
  const Model model;
  std::mt19937 random(2);
  Samples samples;
  for (int i = 0; i < 4; ++i) samples.add(model.tagger(5), random);
  const Graph joined = join_graphs(samples.graphs, Autobatch::on);
  std::uint64_t bytes = 0;
  for (const Node& node : joined.nodes) {
    if (node.kind != Node::Kind::call) continue;
    for (const ValueType& type : node.outputs) bytes += type.bytes();
    for (const ValueType& type : node.saved) bytes += type.bytes();
  }
  EXPECT_EQ(complaint_about(samples, {.value_bytes = bytes}), "");
  EXPECT_EQ(complaint_about(samples, {.value_bytes = bytes - 1}),
            "graphs of samples can't be joined: their values take more than the " +
                std::to_string(bytes - 1) +
                " bytes allowed; make the model or its samples smaller, or train.snippets larger");

  // 30 nodes of 60 pieces each, and no call that brings them together.
  Tape tape;
  const Variable x = tape.input(slot_features, {DType::f32, {128, width}});
  std::vector<Variable> rows;
  for (std::int64_t i = 0; i < 60; ++i) rows.push_back(slice(x, 0, 2 * i, 1));
  std::vector<Variable> sums;
  for (int i = 0; i < 30; ++i) sums.push_back(slice(concat(rows, 0), 0, 0, 1));
  tape.set_prediction(concat(sums, 0));
  Samples scattered;
  scattered.graphs = {std::make_shared<const SampleGraph>(tape.take())};
  EXPECT_EQ(complaint_about(scattered), "");
  EXPECT_EQ(complaint_about(scattered, {.pieces = 1000}),
            "graphs of samples can't be joined: their rows are in more than 1000 pieces; make the "
            "model or its samples smaller, or train.snippets larger");
}

TEST(Autobatch, what_can_not_be_joined_says_what_to_do) {
  const auto graph = [](bool predicts, bool reads_targets, const char* metric) {
    Tape tape;
    const Variable x = tape.input(slot_features, {DType::f32, {1, width}});
    if (reads_targets) (void)tape.input(slot_targets, {DType::i32, Shape{1}});
    if (predicts) tape.set_prediction(tanh(x));
    tape.add_metric(metric, square(x));
    return std::make_shared<const SampleGraph>(tape.take());
  };
  const auto complaint = [&](const auto& other) {
    Samples samples;
    samples.graphs = {graph(true, true, "a"), other};
    return complaint_about(samples);
  };
  EXPECT_EQ(complaint(graph(true, true, "a")), "");
  EXPECT_EQ(complaint(graph(true, false, "a")),
            "graphs of samples can't be joined: not all have input 1; let the model read the same "
            "inputs of every sample");
  const std::string same_results =
      "let the model give every sample a loss, a prediction and the same metrics, or none of them";
  EXPECT_EQ(
      complaint(graph(false, true, "a")),
      "graphs of samples can't be joined: not all have a loss, or a prediction; " + same_results);
  EXPECT_EQ(complaint(graph(true, true, "b")),
            "graphs of samples can't be joined: not all have the same metrics; " + same_results);
  Tape tape;
  (void)tape.input(slot_features, {DType::f32, {1, width}});
  (void)tape.input(slot_targets, {DType::i32, Shape{1}});
  const Model model;
  tape.set_prediction(tape.parameter(model.store, model.outer));
  Samples constant;
  constant.graphs = {std::make_shared<const SampleGraph>(tape.take())};
  EXPECT_EQ(complaint_about(constant),
            "graphs of samples can't be joined: something asked of the model depends on parameters "
            "alone; let what is asked of the model be rows that follow from the sample");
}

TEST(Autobatch, graphs_of_different_models_are_refused) {
  const Model model;
  std::mt19937 random(1);
  Samples samples;
  samples.add(model.tagger(3), random);
  Tape tape;
  const Variable x = tape.input(slot_features, {DType::f32, {1, width}});
  tape.set_prediction(tanh(x));
  samples.graphs.push_back(std::make_shared<const SampleGraph>(tape.take()));
  EXPECT_THROW((void)join_graphs(samples.graphs, Autobatch::on), InputError);
}

TEST(Tape, a_value_is_computed_when_it_is_asked_for) {
  const Model model;
  const std::int32_t tokens[] = {4, 9};
  const ConstView inputs[] = {{tokens, {DType::i32, {2}}}};
  Tape tape;
  tape.bind(model.store, inputs);
  const Variable x =
      embedding(tape.input(slot_features, {DType::i32, {2}}), tape.parameter(model.table));
  const Variable y = sum(scale(x, 2.0), 1);
  EXPECT_FALSE(tape.used_values());
  const auto table = model.store[model.table].value.values();
  for (std::size_t row = 0; row < 2; ++row) {
    double wanted = 0;
    for (std::size_t i = 0; i < width; ++i) {
      wanted += 2.0 * static_cast<double>(table[static_cast<std::size_t>(tokens[row]) * width + i]);
    }
    EXPECT_NEAR(y.value().values()[row], wanted, 1e-5);
  }
  EXPECT_TRUE(tape.used_values());
  // What is recorded after a value was asked for is as good as what was before.
  EXPECT_NEAR(negate(y).value().values()[0], -static_cast<double>(y.value().values()[0]), 1e-6);
}

}  // namespace
}  // namespace raven
