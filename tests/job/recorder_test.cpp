#include "raven/job/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/temporary_folder.hpp"
#include "raven/data/language.hpp"
#include "raven/graph/plan.hpp"

namespace raven {
namespace {

constexpr std::int64_t sentences = 60;

/// How often a program was run; tests look at differences only.
int runs = 0;

/// Branches on the tokens, so that equal lengths are not equal graphs.
class ByFirstWord {
 public:
  explicit ByFirstWord(Builder& build)
      : words_(build, "words", build.vocabulary(), 4),
        even_(build, "even", 4, build.classes()),
        odd_(build, "odd", 4, build.classes()) {}

  void operator()(const Sample& sample) const {
    ++runs;
    const Variable words = words_(sample.features());
    const Variable logits = sample.tokens()[0] % 2 == 0 ? even_(words) : odd_(words);
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
  Linear even_;
  Linear odd_;
};

/// Branches on what it computes.
class ByValue {
 public:
  explicit ByValue(Builder& build)
      : words_(build, "words", build.vocabulary(), 4),
        low_(build, "low", 4, build.classes()),
        high_(build, "high", 4, build.classes()) {}

  void operator()(const Sample& sample) const {
    ++runs;
    const Variable words = words_(sample.features());
    const Variable logits = words.value().values()[0] < 0 ? low_(words) : high_(words);
    sample.predict(logits);
    sample.learn(cross_entropy(logits, sample.targets()));
  }

 private:
  Embedding words_;
  Linear low_;
  Linear high_;
};

constexpr ProgramDef by_first_word = program_of<ByFirstWord>("by_first_word");
constexpr ProgramDef by_value = program_of<ByValue>("by_value");

/// Sentences, a model, and a recorder of both.
class Recorded : public ::testing::Test {
 protected:
  Recorded() {
    make_tags(sentences, least_made_words, {.folder = folder.path(), .seed = 4});
    data = std::make_shared<const Dataset>(read_manifest(folder / "train.yaml"));
  }

  void use(const ProgramDef* program, RecorderLimits limits = {}) {
    ModelSpec spec;
    spec.program = program;
    if (program == nullptr) {
      for (const std::string type : {"embedding", "gru", "linear"}) {
        LayerSpec layer;
        layer.layer.type = type;
        for (const OptionDef& option : find_module(type)->options) {
          layer.layer.options.set(option.name, option.fallback);
        }
        const std::int64_t width = type == "linear" ? data->schema().target_width : 4;
        layer.layer.options.set(type == "embedding" ? "width" : "features", width);
        spec.layers.push_back(std::move(layer));
      }
      spec.loss.type = "cross_entropy";
      for (const OptionDef& option : find_loss("cross_entropy")->options) {
        spec.loss.options.set(option.name, option.fallback);
      }
    }
    store = {};
    const SampleSchema& schema = data->schema();
    const auto model = std::make_shared<const Model>(
        model_for(spec, schema), row_of_features(schema), row_of_targets(schema), store);
    recorder = std::make_unique<Recorder>(model, std::vector{data, data}, limits);
  }
  [[nodiscard]] std::shared_ptr<const RecordedSample> record(std::int64_t sample,
                                                             Tape::Mode mode = Tape::Mode::training,
                                                             std::uint32_t dataset = 0) {
    return (*recorder)(dataset, sample, mode, store).graph;
  }
  /// Two samples that a question tells alike.
  template <class Alike>
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> two(Alike alike) const {
    for (std::int64_t a = 0; a < data->size(); ++a) {
      for (std::int64_t b = a + 1; b < data->size(); ++b) {
        if (alike(a, b)) return {a, b};
      }
    }
    ADD_FAILURE() << "there are no such samples";
    return {0, 0};
  }
  [[nodiscard]] std::size_t first_word(std::int64_t sample = 0) const {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(size(sample)));
    data->read({&sample, 1}, {.features = {tokens.data(), {DType::i32, Shape{size(sample)}}}});
    return static_cast<std::size_t>(tokens[0]);
  }
  [[nodiscard]] std::int64_t size(std::int64_t sample) const { return data->extent(sample).tokens; }

  TemporaryFolder folder;
  std::shared_ptr<const Dataset> data;
  ParameterStore store;
  std::unique_ptr<Recorder> recorder;
};

TEST_F(Recorded, samples_of_equal_sizes_share_one_recording) {
  use(nullptr);
  const auto [a, b] = two([&](auto x, auto y) { return size(x) == size(y); });
  const auto [c, d] = two([&](auto x, auto y) { return size(x) != size(y); });
  EXPECT_EQ(record(a), record(b));
  EXPECT_EQ(record(a), record(a, Tape::Mode::training, 1));
  EXPECT_NE(record(c)->digest, record(d)->digest);
  EXPECT_EQ(decode_graph(record(c)->bytes.bytes()).nodes[0].outputs[0].shape, (Shape{size(c)}));
}

TEST_F(Recorded, training_and_inference_are_apart_even_where_they_are_equal) {
  use(&by_first_word);
  const int before = runs;
  const auto training = record(0);
  const auto inference = record(0, Tape::Mode::inference);
  EXPECT_EQ(runs - before, 2);
  // Nothing in this model differs, so both are one graph and kept once.
  EXPECT_EQ(training, inference);
}

TEST_F(Recorded, samples_of_a_program_are_recorded_by_number) {
  use(&by_first_word);
  const auto [a, b] = two([&](auto x, auto y) { return size(x) == size(y); });
  const int before = runs;
  const auto first = record(a);
  (void)record(b);
  EXPECT_EQ(runs - before, 2);
  EXPECT_EQ(record(a), first);
  (void)record(b);
  EXPECT_EQ(runs - before, 2);
  (void)record(a, Tape::Mode::training, 1);
  EXPECT_EQ(runs - before, 3);
}

TEST_F(Recorded, a_program_sees_the_tokens_of_the_sample_that_is_asked_for) {
  use(&by_first_word);
  // Each half of the model is a parameter number of its own: which one a graph has tells the word.
  const ParameterId even{1};
  for (std::int64_t i = 0; i < data->size(); ++i) {
    const std::size_t expected = first_word(i);
    const auto& used = record(i)->parameters.read;
    EXPECT_EQ(std::find(used.begin(), used.end(), even) != used.end(), expected % 2 == 0) << i;
  }
}

TEST_F(Recorded, a_graph_is_its_bytes_and_what_they_ask_for) {
  use(&by_first_word);
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto sample = record(i);
    EXPECT_EQ(digest_of(sample->bytes.bytes()), sample->digest);
    const Plan plan(decode_graph(sample->bytes.bytes()), Plan::Purpose::training);
    EXPECT_TRUE(std::ranges::equal(sample->parameters.read, plan.parameters())) << i;
    // A plan has gradients in the order in which they come.
    std::vector<ParameterId> learnt(plan.gradients().begin(), plan.gradients().end());
    std::ranges::sort(learnt);
    EXPECT_EQ(sample->parameters.learnt, learnt) << i;
  }
}

TEST_F(Recorded, the_oldest_graphs_are_let_go_when_they_take_too_much) {
  use(&by_first_word);
  const auto [a, b] = two([&](auto x, auto y) { return record(x) != record(y); });
  const std::size_t both = record(a)->bytes.size() + record(b)->bytes.size();
  use(&by_first_word, {.kept_bytes = both});
  const int before = runs;
  (void)record(a);
  (void)record(b);
  (void)record(a);
  EXPECT_EQ(runs - before, 2);

  use(&by_first_word, {.kept_bytes = both - 1});
  const std::weak_ptr<const RecordedSample> first = record(a);
  EXPECT_FALSE(first.expired());
  const std::weak_ptr<const RecordedSample> second = record(b);
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(second.expired());
  const int then = runs;
  (void)record(b);
  EXPECT_EQ(runs - then, 0);
  (void)record(a);
  EXPECT_EQ(runs - then, 1);
}

TEST_F(Recorded, a_graph_of_several_samples_takes_its_bytes_once) {
  use(&by_first_word);
  const auto [a, b] = two([&](auto x, auto y) { return x != y && record(x) == record(y); });
  use(&by_first_word, {.kept_bytes = record(a)->bytes.size()});
  const int before = runs;
  for (const auto sample : {a, b, a, b}) (void)record(sample);
  EXPECT_EQ(runs - before, 2);
}

TEST_F(Recorded, graphs_that_are_gone_are_forgotten_by_name_without_harm) {
  use(&by_first_word);
  std::vector<Digest> expected;
  for (std::int64_t i = 0; i < 20; ++i) expected.push_back(record(i)->digest);
  EXPECT_GT(recorder->names(), 5U);
  // Nothing is kept, so all names are of graphs that are gone, but for the one just made.
  use(&by_first_word, {.kept_bytes = 0, .sweep_at = 3});
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(record(static_cast<std::int64_t>(i))->digest, expected[i]);
      EXPECT_LE(recorder->names(), 3U);
    }
  }
}

TEST_F(Recorded, it_is_told_whether_values_were_asked_for) {
  use(&by_first_word);
  EXPECT_FALSE((*recorder)(0, 0, Tape::Mode::training, store).used_values);
  use(&by_value);
  EXPECT_TRUE((*recorder)(0, 0, Tape::Mode::training, store).used_values);
}

TEST_F(Recorded, a_program_that_asked_for_values_is_recorded_anew_each_time) {
  use(&by_value);
  const int before = runs;
  const auto first = record(0);
  EXPECT_EQ(record(0), first);  // run again, but equal graphs are kept once
  EXPECT_EQ(runs - before, 2);

  // With other parameters it takes the other way.
  const bool was_low = store[{0}].value.values()[first_word() * 4] < 0;
  Tensor other(store[{0}].value.type());
  std::ranges::fill(other.values(), was_low ? 1.0F : -1.0F);
  store.replace({0}, other, 1);
  EXPECT_NE(record(0)->digest, first->digest);
}

}  // namespace
}  // namespace raven
