// Models written in C++, and what they are made of.
#include "raven/nn/program.hpp"

#include <cmath>

#include "nn/probe.hpp"
#include "nn/specs.hpp"
#include "raven/graph/ops/layout.hpp"

namespace raven {
namespace {

/// A graph from tokens [n] whose classes are [n], of 5 words and 3 classes.
struct Sentence {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> tags;
  std::int32_t length = static_cast<std::int32_t>(tokens.size());

  [[nodiscard]] static ConstView view(const std::vector<std::int32_t>& numbers) {
    return {numbers.data(), {DType::i32, Shape{static_cast<std::int64_t>(numbers.size())}}};
  }
  [[nodiscard]] SampleData data() const {
    return {.features = view(tokens),
            .targets = view(tags),
            .lengths = {&length, {DType::i32, {1}}},
            .parents = {},
            .nodes = {}};
  }
};

ModelSpec of_program(const ProgramDef& program) {
  ModelSpec spec;
  spec.program = &program;
  spec.program_place = {"job.yaml", 3, 8};
  spec.seed = 4;
  spec.ragged = Ragged::sequences;
  spec.vocabulary = 5;
  spec.classes = 3;
  return spec;
}

const ValueType token{DType::i32, Shape{}};

Model model_of(const ProgramDef& program, ParameterStore& store) {
  return {of_program(program), token, token, store};
}

TEST(Builder, names_parameters_by_their_place_and_tells_what_the_data_is) {
  ParameterStore store;
  Builder build({.store = store,
                 .path = "",
                 .input = {DType::i32, Shape{1}},
                 .seed = 1,
                 .block = {},
                 .vocabulary = 5},
                3);
  EXPECT_EQ(build.vocabulary(), 5);
  EXPECT_EQ(build.classes(), 3);
  EXPECT_EQ(build.input(), (ValueType{DType::i32, Shape{1}}));
  EXPECT_EQ(build.parameter("gate", {4, 2}), ParameterId{0});
  EXPECT_EQ(build.bias("gate", 4), ParameterId{1});
  EXPECT_EQ(store[{0}].name, "gate.weight");
  EXPECT_EQ(store[{1}].name, "gate.bias");
  EXPECT_TRUE(store[{0}].decays);
  EXPECT_FALSE(store[{1}].decays);
  for (const float value : store[{1}].value.values()) EXPECT_EQ(value, 0.0F);
  EXPECT_THROW((void)build.parameter("gate", {4, 2}), InputError);
}

TEST(Builder, draws_weights_that_are_a_pure_function_of_seed_and_number) {
  const auto drawn = [](std::uint64_t seed) {
    ParameterStore store;
    Builder build({.store = store,
                   .path = "",
                   .input = {DType::f32, {1, 2}},
                   .seed = seed,
                   .block = {},
                   .vocabulary = 0},
                  1);
    const Linear linear(build, "a", 2, 3);
    return store.digest();
  };
  EXPECT_EQ(drawn(1), drawn(1));
  EXPECT_NE(drawn(1), drawn(2));
}

/// What `build.layer(...)` says when it refuses.
template <class Declare>
std::string refusal(Declare declare) {
  ParameterStore store;
  Builder build({.store = store,
                 .path = "",
                 .input = {DType::i32, Shape{1}},
                 .seed = 1,
                 .block = {},
                 .vocabulary = 5,
                 .ragged = Ragged::sequences},
                3);
  try {
    declare(build);
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Builder, refuses_layers_and_options_that_no_job_could_name) {
  const ValueType numbers{DType::f32, {1, 2}};
  const auto linear = [&](std::vector<std::pair<std::string_view, OptionValue>> options) {
    return refusal([&](Builder& build) { (void)build.layer("x", "linear", numbers, options); });
  };
  EXPECT_EQ(linear({}),
            "x, a layer 'linear': option 'features' is missing; give it: numbers per sample that "
            "come out");
  EXPECT_EQ(linear({{"featurs", 3}}),
            "x, a layer 'linear': there is no option 'featurs'; it has 'features', 'bias', "
            "'activation', 'initial', 'initial_scale'");
  EXPECT_EQ(linear({{"features", 0}}),
            "x, a layer 'linear': option 'features' is out of range; it says: numbers per sample "
            "that come out");
  EXPECT_EQ(linear({{"features", "3"}}),
            "x, a layer 'linear': option 'features' is not a whole number; it says: numbers per "
            "sample that come out");
  EXPECT_TRUE(linear({{"features", 3}, {"activation", "rleu"}})
                  .starts_with("x, a layer 'linear': option 'activation' is out of range"));
  EXPECT_TRUE(refusal([&](Builder& build) {
                (void)build.layer("x", "residual", numbers);
              }).starts_with("x, a layer 'residual': it has layers inside"));
  EXPECT_TRUE(refusal([&](Builder& build) {
                (void)build.layer("x", "lstm", numbers, {{"features", 2}, {"carry", true}});
              }).starts_with("x, a layer 'lstm': there is no state to carry"));
  EXPECT_EQ(refusal([&](Builder& build) { (void)build.layer("x", "liner", numbers); }),
            "there is no layer 'liner'; 'raven explain layers' lists them");
  EXPECT_TRUE(refusal([&](Builder& build) {
                (void)build.layer("x", "linear", build.input(), {{"features", 2}});
              }).starts_with("x, a layer 'linear': linear "));
}

/// Layers of every kind of input: tokens, numbers of tokens, and one row for a sentence.
class OfLayers {
 public:
  explicit OfLayers(Builder& build)
      : words_(build.layer("words", "embedding", build.input(), {{"width", 2}})),
        scaled_(build.layer("scaled", "linear", words_, {{"features", 2}, {"bias", false}})),
        pooled_(build.layer("pooled", "pool", scaled_, {{"kind", "sum"}})),
        classes_(build.layer("classes", "linear", pooled_, {{"features", build.classes()}})) {
    EXPECT_EQ(words_.rows(), Ragged::sequences);
    EXPECT_EQ(pooled_.rows(), Ragged::no);
    EXPECT_EQ(classes_.output(), (ValueType{DType::f32, {1, 3}}));
  }
  void operator()(const Sample& sample) const {
    const Variable logits = classes_(pooled_(scaled_(words_(sample.features()))));
    sample.predict(logits);
    sample.learn(cross_entropy(logits, slice(sample.targets(), 0, 0, 1)));
  }

 private:
  Layer words_;
  Layer scaled_;
  Layer pooled_;
  Layer classes_;
};
constexpr ProgramDef of_layers = program_of<OfLayers>("of_layers");

TEST(Program, of_layers_computes_what_they_say) {
  ParameterStore store;
  const Model model = model_of(of_layers, store);
  std::vector<std::string> names;
  for (const Parameter& parameter : store.all()) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{"words.weight", "scaled.weight", "classes.weight",
                                             "classes.bias"}));
  const float table[] = {0, 0, 1, 2, 3, 4, 0, -1, 2, 2};
  const float scaled[] = {2, 0, 0, -1};
  const float weight[] = {1, 0, 0, 1, -1, 1};
  const float bias[] = {0.5F, 0, 0};
  store.replace({0}, Tensor::of({5, 2}, table), 1);
  store.replace({1}, Tensor::of({2, 2}, scaled), 1);
  store.replace({2}, Tensor::of({3, 2}, weight), 1);
  store.replace({3}, Tensor::of({3}, bias), 1);

  const Sentence sentence{{2, 3, 1}, {1, 1, 1}};
  const Graph graph = model.record_sample(store, sentence.data(), Tape::Mode::training);
  const Plan plan(graph, Plan::Purpose::inference);
  Workspace workspace(plan.workspace_bytes());
  const SampleData data = sentence.data();
  const ConstView inputs[] = {data.features, data.targets, data.lengths};
  std::vector<ConstView> parameters;
  for (const Parameter& parameter : store.all()) parameters.push_back(parameter.value.view());
  plan.forward(workspace,
               {.inputs = inputs, .parameters = parameters, .gradients = {}, .key = {.seed = 1}});
  // Words (3, 4), (0, -1), (1, 2) become (6, -4), (0, 1), (2, -2), which add up to (8, -5).
  const ConstView logits = plan.value(
      workspace, {.inputs = inputs, .parameters = parameters, .gradients = {}, .key = {.seed = 1}},
      *graph.prediction);
  const float expected[] = {8.5F, -5, -13};
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FLOAT_EQ(logits.f32()[i], expected[i]) << i;
}

TEST(Layer, says_so_on_a_tape_without_parameters) {
  ParameterStore store;
  Builder build({.store = store,
                 .path = "",
                 .input = {DType::f32, {1, 2}},
                 .seed = 1,
                 .block = {},
                 .vocabulary = 0},
                1);
  const Layer layer = build.layer("top", "linear", build.input(), {{"features", 7}});
  EXPECT_EQ(layer.output(), (ValueType{DType::f32, {1, 7}}));
  EXPECT_EQ(store[{0}].name, "top.weight");
  Tape tape;
  EXPECT_THROW((void)layer(tape.input(0, {DType::f32, {4, 2}})), InputError);
  tape.bind(store, {});
  EXPECT_EQ(layer(tape.input(0, {DType::f32, {4, 2}})).shape(), (Shape{4, 7}));
  EXPECT_THROW((void)layer(tape.input(1, {DType::f32, {4, 3}})), InputError);
}

class LearnsNothing {
 public:
  explicit LearnsNothing(Builder& build) : words_(build, "words", build.vocabulary(), 3) {}
  void operator()(const Sample& sample) const { sample.predict(words_(sample.features())); }

 private:
  Embedding words_;
};
constexpr ProgramDef learns_nothing = program_of<LearnsNothing>("learns_nothing");

TEST(Program, that_gives_no_loss_is_refused) {
  ParameterStore store;
  const Model model = model_of(learns_nothing, store);
  const Sentence sentence{{1, 2}, {0, 0}};
  EXPECT_THROW((void)model.record_sample(store, sentence.data(), Tape::Mode::training), InputError);
}

/// The layers as values, of numbers that are easy to work out by hand.
class ByHand {
 public:
  explicit ByHand(Builder& build)
      : words_(build, "words", build.vocabulary(), 2),
        classes_(build, "classes", 2, build.classes(), {kernels::ActivationKind::relu}) {}
  void operator()(const Sample& sample) const {
    const Variable logits = classes_(words_(sample.features()));
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
    sample.report("made up", cross_entropy(logits, sample.targets()).losses);
  }

 private:
  Embedding words_;
  Linear classes_;
};
constexpr ProgramDef by_hand = program_of<ByHand>("by_hand");

TEST(Program, computes_what_its_layers_say) {
  ParameterStore store;
  const Model model = model_of(by_hand, store);
  ASSERT_EQ(store.size(), 3U);
  const float table[] = {0, 0, 1, 2, 3, 4, 0, -1, 2, 2};
  const float weight[] = {1, 0, 0, 1, -1, 1};
  const float bias[] = {0.5F, 0, 0};
  store.replace({0}, Tensor::of({5, 2}, table), 1);
  store.replace({1}, Tensor::of({3, 2}, weight), 1);
  store.replace({2}, Tensor::of({3}, bias), 1);

  const Sentence sentence{{2, 3}, {0, 1}};
  const Graph graph = model.record_sample(store, sentence.data(), Tape::Mode::training);
  ASSERT_EQ(graph.metrics.size(), 2U);
  EXPECT_EQ(graph.metrics[0].name, "made up");
  EXPECT_EQ(graph.metrics[1].name, "made up/rows");
  const Plan plan(graph, Plan::Purpose::inference);
  Workspace workspace(plan.workspace_bytes());
  const SampleData data = sentence.data();
  const ConstView inputs[] = {data.features, data.targets, data.lengths};
  std::vector<ConstView> parameters;
  for (const Parameter& parameter : store.all()) parameters.push_back(parameter.value.view());
  const Bindings bindings{
      .inputs = inputs, .parameters = parameters, .gradients = {}, .key = {.seed = 1}};
  plan.forward(workspace, bindings);

  // relu(W e + b): word 2 is (3, 4) -> (3.5, 4, 1), word 3 is (0, -1) -> (0.5, 0, 0).
  const ConstView logits = plan.value(workspace, bindings, *graph.prediction);
  const float expected[] = {3.5F, 4, 1, 0.5F, 0, 0};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(logits.f32()[i], expected[i]) << i;
  const ConstView losses = plan.value(workspace, bindings, *graph.losses);
  const double first = std::log(std::exp(3.5) + std::exp(4.0) + std::exp(1.0)) - 3.5;
  const double second = std::log(std::exp(0.5) + 2.0) - 0.0;
  EXPECT_NEAR(losses.f32()[0], first, 1e-6);
  EXPECT_NEAR(losses.f32()[1], second, 1e-6);
}

/// Keeps what it is shown.
struct Shown {
  std::int64_t size = 0;
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> parents;
  bool training = false;
  std::vector<Shape> shapes;
};
Shown shown;

class Watches {
 public:
  explicit Watches(Builder& build) : words_(build, "words", build.vocabulary(), 3) {}
  void operator()(const Sample& sample) const {
    shown = {
        .size = sample.size(),
        .tokens = {sample.tokens().begin(), sample.tokens().end()},
        .parents = {sample.parents().begin(), sample.parents().end()},
        .training = sample.training(),
        .shapes = {sample.features().shape(), sample.targets().shape(), sample.lengths().shape()}};
    const Variable logits = words_(sample.features());
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
};
constexpr ProgramDef watches = program_of<Watches>("watches");

TEST(Sample, shows_the_numbers_of_the_sample) {
  ParameterStore store;
  const Model model = model_of(watches, store);
  EXPECT_TRUE(model.by_sample());
  EXPECT_FALSE(model.by_size());
  const Sentence sentence{{4, 0, 2}, {1, 1, 0}};
  (void)model.record_sample(store, sentence.data(), Tape::Mode::inference);
  EXPECT_EQ(shown.size, 3);
  EXPECT_EQ(shown.tokens, sentence.tokens);
  EXPECT_TRUE(shown.parents.empty());
  EXPECT_FALSE(shown.training);
  EXPECT_EQ(shown.shapes, (std::vector<Shape>{{3}, {3}, {1}}));

  const std::vector<std::int32_t> parents{2, 2, -1};
  const std::int32_t nodes = 3;
  SampleData tree = sentence.data();
  tree.parents = Sentence::view(parents);
  tree.nodes = {&nodes, {DType::i32, {1}}};
  const Graph graph = model.record_sample(store, tree, Tape::Mode::training);
  EXPECT_EQ(shown.parents, parents);
  EXPECT_TRUE(shown.training);
  // Every part of a sample is an input, whether the model looks at it or not.
  EXPECT_EQ(std::ranges::count(graph.nodes, Node::Kind::input, &Node::kind), 5);
}

/// Branches on a value.
class Looks {
 public:
  explicit Looks(Builder& build) : words_(build, "words", build.vocabulary(), 3) {}
  void operator()(const Sample& sample) const {
    Variable logits = words_(sample.features());
    if (logits.value().values()[0] > 0) logits = mul(logits, logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
};
constexpr ProgramDef looks = program_of<Looks>("looks");

TEST(Program, that_looks_at_values_is_told_from_one_that_does_not) {
  ParameterStore store;
  const Model looking = model_of(looks, store);
  ParameterStore other;
  const Model blind = model_of(watches, other);
  const Sentence sentence{{1, 2}, {0, 0}};
  bool used = false;
  (void)looking.record_sample(store, sentence.data(), Tape::Mode::training, &used);
  EXPECT_TRUE(used);
  (void)blind.record_sample(other, sentence.data(), Tape::Mode::training, &used);
  EXPECT_FALSE(used);

  for (const float value : {1.0F, -1.0F}) {
    Tensor table(ValueType{DType::f32, {5, 3}});
    std::ranges::fill(table.values(), value);
    store.replace({0}, table, 1);
    const Graph graph = looking.record_sample(store, sentence.data(), Tape::Mode::training);
    EXPECT_EQ(std::ranges::count(ops_of(graph), "mul"), value > 0 ? 1 : 0) << value;
  }
}

class Refuses {
 public:
  explicit Refuses(Builder& /*build*/) { throw InputError("it wants trees", "give it trees"); }
  void operator()(const Sample& /*sample*/) const {}
};
constexpr ProgramDef refuses = program_of<Refuses>("refuses");

TEST(Program, that_does_not_want_the_data_says_so_at_its_place_in_the_job) {
  ParameterStore store;
  try {
    (void)model_of(refuses, store);
    FAIL() << "nothing was refused";
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()), "job.yaml:3:8: refuses: it wants trees; give it trees");
  }
}

/// y = 2 x: an op of the user's own.
constexpr OpDef twice{
    .name = "test_twice",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes&) {
          if (inputs.size() != 1 || inputs[0].dtype != DType::f32) {
            throw InputError("test_twice takes one value of f32", "give it one");
          }
          return CallTypes{.outputs = {inputs[0]}, .saved = {}};
        },
    .forward =
        [](const ForwardCall& call) {
          for (std::int64_t i = 0; i < call.inputs[0].count(); ++i) {
            call.outputs[0].f32()[i] = 2 * call.inputs[0].f32()[i];
          }
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          for (std::int64_t i = 0; i < sink.to.count(); ++i) {
            float& to = sink.to.f32()[i];
            to = (sink.adds() ? to : 0.0F) + 2 * call.output_gradients[0].f32()[i];
          }
        },
};
constexpr const OpDef* own_ops[] = {&twice};

class Doubles {
 public:
  explicit Doubles(Builder& build) : words_(build, "words", build.vocabulary(), 3) {}
  void operator()(const Sample& sample) const {
    const Variable words = words_(sample.features());
    const Variable logits = words.tape().call(twice, {&words, 1});
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
};
constexpr ProgramDef doubles = program_of<Doubles>("doubles", own_ops);

TEST(Program, with_an_op_of_its_own_travels_to_whoever_has_the_op) {
  ParameterStore store;
  const Model model = model_of(doubles, store);
  ASSERT_EQ(model.ops().size(), 1U);
  EXPECT_EQ(model.ops()[0], &twice);
  EXPECT_EQ(find_op("test_twice"), nullptr);

  const Sentence sentence{{1, 2}, {0, 0}};
  const Graph graph = model.record_sample(store, sentence.data(), Tape::Mode::training);
  const Bytes bytes = encode(graph);
  const Graph back = decode_graph(bytes, {}, own_ops);
  EXPECT_EQ(encode(back), bytes);
  EXPECT_EQ(std::ranges::count(ops_of(back), "test_twice"), 1);
  try {
    (void)decode_graph(bytes);
    FAIL() << "an op that nobody has was taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("test_twice"), std::string::npos) << error.what();
  }
}

TEST(Program, runs_an_op_of_its_own_forward_and_backward) {
  Probe probe;
  const float values[] = {1, -2, 3};
  const float gradient[] = {1, 10, 100};
  const Variable x = probe.put(Tensor::of({1, 3}, values));
  probe.run(probe.tape().call(twice, {&x, 1}), Tensor::of({1, 3}, gradient));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(probe.output().f32()[i], 2 * values[i]);
    EXPECT_EQ(probe.gradient_of_put(0).values()[i], 2 * gradient[i]);
  }
}

}  // namespace
}  // namespace raven
