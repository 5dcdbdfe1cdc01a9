#include "raven/nn/model.hpp"

#include "nn/probe.hpp"
#include "nn/specs.hpp"

namespace raven {
namespace {

const ValueType vector_sample{DType::f32, {4}};
const ValueType class_sample{DType::i32, Shape{}};

ModelSpec classifier() {
  return {.layers = {linear_layer_spec(8, "relu"), layer("batch_norm"), layer("dropout"),
                     linear_layer_spec(3)},
          .loss = loss_choice("cross_entropy"),
          .seed = 5};
}

std::string refusal(const ModelSpec& spec, const ValueType& features, const ValueType& targets) {
  ParameterStore store;
  try {
    const Model model(spec, features, targets, store);
  } catch (const InputError& error) {
    return std::string(error.what());
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(Model, records_a_graph_of_as_many_rows_as_asked) {
  ParameterStore store;
  const Model model(classifier(), vector_sample, class_sample, store);
  for (const std::int64_t rows : {1, 7, 32}) {
    const Graph graph = model.record(store, rows, Tape::Mode::training);
    EXPECT_EQ(type_of(graph, *graph.losses).shape, (Shape{rows}));
    EXPECT_EQ(type_of(graph, *graph.weights).shape, (Shape{rows}));
    EXPECT_EQ(type_of(graph, *graph.prediction).shape, (Shape{rows, 3}));
    ASSERT_EQ(graph.metrics.size(), 2U);
    EXPECT_EQ(graph.metrics[0].name, "accuracy");
    EXPECT_EQ(graph.metrics[1].name, "accuracy/rows");
    EXPECT_EQ(graph.statistics.size(), 2U);
  }
}

TEST(Model, records_the_same_graph_every_time) {
  ParameterStore store;
  const Model model(classifier(), vector_sample, class_sample, store);
  EXPECT_EQ(digest_of(model.record(store, 5, Tape::Mode::training)),
            digest_of(model.record(store, 5, Tape::Mode::training)));
}

TEST(Model, neither_drops_nor_moves_statistics_in_inference) {
  ParameterStore store;
  const Model model(classifier(), vector_sample, class_sample, store);
  const auto training = ops_of(model.record(store, 2, Tape::Mode::training));
  const Graph graph = model.record(store, 2, Tape::Mode::inference);
  const auto inference = ops_of(graph);
  EXPECT_EQ(std::ranges::count(training, "dropout"), 1);
  EXPECT_EQ(std::ranges::count(inference, "dropout"), 0);
  EXPECT_TRUE(graph.statistics.empty());
  EXPECT_TRUE(graph.losses.has_value());
}

TEST(Model, is_the_same_for_the_same_seed) {
  ParameterStore first;
  ParameterStore second;
  ParameterStore other;
  ModelSpec spec = classifier();
  const Model a(spec, vector_sample, class_sample, first);
  const Model b(spec, vector_sample, class_sample, second);
  spec.seed = 6;
  const Model c(spec, vector_sample, class_sample, other);
  EXPECT_EQ(first.digest(), second.digest());
  EXPECT_NE(first.digest(), other.digest());
}

TEST(Model, refuses_a_loss_that_does_not_fit_when_it_is_made) {
  ModelSpec spec = classifier();
  spec.loss.place = {"job.yaml", 9, 1};
  const std::string real_targets = refusal(spec, vector_sample, {DType::f32, {3}});
  EXPECT_EQ(real_targets.find("job.yaml:9:1"), 0U) << real_targets;
  EXPECT_NE(real_targets.find("the targets are real numbers"), std::string::npos);

  spec.loss.options.set("class_weights", std::vector<double>{1.0, 2.0});
  EXPECT_NE(refusal(spec, vector_sample, class_sample).find("class_weights has 2 numbers"),
            std::string::npos);

  spec = classifier();
  spec.loss.options.set("top_k", std::int64_t{4});
  EXPECT_NE(refusal(spec, vector_sample, class_sample).find("only 3 classes"), std::string::npos);

  spec = classifier();
  spec.loss.options.set("f1", true);
  spec.loss.options.set("f1_without", std::int64_t{3});
  EXPECT_NE(refusal(spec, vector_sample, class_sample).find("f1_without is 3"), std::string::npos);

  spec.loss = loss_choice("mse");
  EXPECT_NE(refusal(spec, vector_sample, {DType::f32, {2}}).find("gives [3] numbers per sample"),
            std::string::npos);

  spec.loss = loss_choice("bce_with_logits");
  spec.loss.options.set("positive_weight", std::vector<double>{1.0, 2.0});
  EXPECT_NE(refusal(spec, vector_sample, {DType::f32, {3}}).find("positive_weight has 2 numbers"),
            std::string::npos);
}

TEST(Model, tells_that_flatten_is_missing_when_classes_come_per_pixel) {
  const ModelSpec spec{
      .layers = {linear_layer_spec(3)}, .loss = loss_choice("cross_entropy"), .seed = 1};
  const std::string message = refusal(spec, {DType::f32, {5, 4}}, class_sample);
  EXPECT_NE(message.find("put a flatten layer in front"), std::string::npos) << message;
}

TEST(Model, takes_targets_in_the_shapes_people_store_them_in) {
  ModelSpec spec = classifier();
  ParameterStore classes;
  EXPECT_NO_THROW(Model(spec, vector_sample, {DType::i32, {1}}, classes));
  spec.layers.back() = linear_layer_spec(1);
  spec.loss = loss_choice("mse");
  ParameterStore values;
  EXPECT_NO_THROW(Model(spec, vector_sample, {DType::f32, Shape{}}, values));
  spec.loss = loss_choice("bce_with_logits");
  ParameterStore answers;
  EXPECT_NO_THROW(Model(spec, vector_sample, {DType::f32, {1}}, answers));
}

TEST(Model, losses_on_values_refuse_class_numbers_and_say_how_to_import) {
  ModelSpec spec = classifier();
  spec.layers.back() = linear_layer_spec(1);
  for (const char* loss : {"mse", "huber", "bce_with_logits"}) {
    spec.loss = loss_choice(loss);
    const std::string message = refusal(spec, vector_sample, class_sample);
    EXPECT_NE(message.find("the targets are class numbers"), std::string::npos) << message;
    EXPECT_NE(message.find("--kind real"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace raven
