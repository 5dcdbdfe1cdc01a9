#include "raven/nn/module.hpp"

#include <set>

#include "golden/golden.hpp"
#include "nn/specs.hpp"

namespace raven {
namespace {

using Sizes = std::vector<std::int64_t>;

/// The shape that layers give for one sample.
Shape shape_after(const std::vector<LayerSpec>& layers, const ValueType& batch,
                  Ragged ragged = Ragged::no) {
  ParameterStore store;
  const auto module =
      make_sequence(layers, {.store = store, .path = "", .input = batch, .ragged = ragged});
  Tape tape(Tape::Mode::training, 3);
  if (ragged == Ragged::trees) {
    (void)tape.input(slot_parents, {DType::i32, {9}});
    (void)tape.input(slot_nodes, {DType::i32, {3}});
  }
  return module->forward(store, tape.input(0, batch)).shape();
}

/// The message that making layers ends with.
std::string refusal(const std::vector<LayerSpec>& layers, const ValueType& batch,
                    Ragged ragged = Ragged::no) {
  try {
    (void)shape_after(layers, batch, ragged);
  } catch (const InputError& error) {
    EXPECT_FALSE(error.remedy().empty());
    return error.problem() + "; " + error.remedy();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

const ValueType images{DType::f32, {2, 12, 10, 3}};
const ValueType vectors{DType::f32, {2, 24}};
const ValueType words{DType::i32, {2, 7}};

TEST(ModuleTable, names_are_distinct_and_every_option_is_explained) {
  std::set<std::string_view> names;
  for (const ModuleDef* def : module_table()) {
    EXPECT_TRUE(names.insert(def->name).second) << def->name;
    EXPECT_EQ(find_module(def->name), def);
    EXPECT_FALSE(def->help.empty()) << def->name;
    golden::expect_explained(def->options, def->name);
  }
  EXPECT_EQ(find_module("conv3d"), nullptr);
}

TEST(LossTable, names_are_distinct_and_every_option_is_explained) {
  std::set<std::string_view> names;
  for (const LossDef* def : loss_table()) {
    EXPECT_TRUE(names.insert(def->name).second) << def->name;
    EXPECT_EQ(find_loss(def->name), def);
    EXPECT_FALSE(def->help.empty()) << def->name;
    golden::expect_explained(def->options, def->name);
  }
  EXPECT_EQ(find_loss("mae"), nullptr);
}

TEST(Sequence, hands_each_layer_the_shape_of_the_one_before) {
  EXPECT_EQ(
      shape_after(
          {layer("conv2d",
                 {{"channels", std::int64_t{8}}, {"kernel", Sizes{3}}, {"padding", Sizes{1}}}),
           layer("max_pool2d", {{"size", Sizes{2}}}), layer("flatten"),
           layer("linear", {{"features", std::int64_t{10}}})},
          images),
      (Shape{2, 10}));
  EXPECT_EQ(
      shape_after({layer("embedding", {{"count", std::int64_t{9}}, {"width", std::int64_t{4}}}),
                   linear_layer_spec(5)},
                  words),
      (Shape{2, 7, 5}));
}

TEST(Sequence, names_parameters_by_place_and_kind_of_layer) {
  ParameterStore store;
  const std::vector<LayerSpec> layers{
      linear_layer_spec(6), layer("batch_norm"),
      layer("residual", {}, {linear_layer_spec(6), layer("layer_norm")})};
  (void)make_sequence(layers, {.store = store, .path = "", .input = vectors});
  std::vector<std::string> names;
  for (const Parameter& parameter : store.all()) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "0.linear.weight", "0.linear.bias", "1.batch_norm.weight",
                       "1.batch_norm.bias", "1.batch_norm.running_mean", "1.batch_norm.running_var",
                       "2.residual.0.linear.weight", "2.residual.0.linear.bias",
                       "2.residual.1.layer_norm.weight", "2.residual.1.layer_norm.bias"}));
}

TEST(Sequence, decays_weights_only_and_trains_all_but_running_statistics) {
  ParameterStore store;
  const std::vector<LayerSpec> layers{linear_layer_spec(6), layer("batch_norm"),
                                      layer("layer_norm")};
  (void)make_sequence(layers, {.store = store, .path = "", .input = vectors});
  for (const Parameter& parameter : store.all()) {
    EXPECT_EQ(parameter.decays, parameter.name == "0.linear.weight") << parameter.name;
    EXPECT_EQ(parameter.trainable, parameter.name.find("running") == std::string::npos)
        << parameter.name;
  }
}

TEST(Sequence, reports_the_layer_that_does_not_fit_at_its_place) {
  std::vector<LayerSpec> layers{layer("flatten"), layer("max_pool2d", {{"size", Sizes{2}}})};
  layers[1].layer.place = {"job.yaml", 7, 5};
  try {
    (void)shape_after(layers, images);
    FAIL() << "nothing was refused";
  } catch (const InputError& error) {
    EXPECT_EQ(error.place().line, 7);
    EXPECT_EQ(error.problem(),
              "1.max_pool2d: pooling needs images [height, width, channels], but its input is "
              "[360] per sample");
  }
}

TEST(Sequence, reports_a_layer_of_a_block_at_its_own_place) {
  std::vector<LayerSpec> layers{layer("residual", {}, {layer("max_pool2d", {{"size", Sizes{2}}})})};
  layers[0].layer.place = {"job.yaml", 3, 1};
  layers[0].block[0].layer.place = {"job.yaml", 4, 9};
  try {
    (void)shape_after(layers, vectors);
    FAIL() << "nothing was refused";
  } catch (const InputError& error) {
    EXPECT_EQ(error.place().line, 4);
    EXPECT_EQ(error.problem().find("0.residual.0.max_pool2d: "), 0U);
  }
}

TEST(Layers, say_what_to_put_in_front) {
  EXPECT_NE(refusal({linear_layer_spec(3)}, images).find("put a flatten layer in front"),
            std::string::npos);
  EXPECT_NE(refusal({linear_layer_spec(3)}, words).find("put an embedding layer in front"),
            std::string::npos);
  EXPECT_NE(refusal({linear_layer_spec(3)}, {DType::f32, {2}}).find("put a flatten layer in front"),
            std::string::npos);
  EXPECT_NE(
      refusal({layer("conv2d", {{"channels", std::int64_t{3}}, {"kernel", Sizes{3}}})}, vectors)
          .find("put a reshape layer in front"),
      std::string::npos);
  EXPECT_NE(refusal({layer("embedding", {{"count", std::int64_t{3}}, {"width", std::int64_t{3}}})},
                    vectors)
                .find("dtype i32"),
            std::string::npos);
}

TEST(Layers, refuse_windows_that_do_not_fit_the_image) {
  const auto conv = [](std::vector<std::pair<std::string, OptionValue>> options) {
    options.emplace_back("channels", std::int64_t{4});
    return layer("conv2d", std::move(options));
  };
  EXPECT_NE(refusal({conv({{"kernel", Sizes{11}}})}, images)
                .find("covers 11 pixels of width, but the padded image has 10"),
            std::string::npos);
  EXPECT_NE(refusal({conv({{"kernel", Sizes{3}}, {"dilation", Sizes{6, 1}}})}, images)
                .find("covers 13 pixels of height, but the padded image has 12"),
            std::string::npos);
  EXPECT_NE(refusal({conv({{"kernel", Sizes{1, 2, 3}}})}, images).find("kernel has 3 numbers"),
            std::string::npos);
  EXPECT_NE(refusal({conv({{"kernel", Sizes{1}}, {"groups", std::int64_t{2}}})}, images)
                .find("2 groups don't divide 3 channels in and 4 out"),
            std::string::npos);
  EXPECT_NE(refusal({layer("avg_pool2d", {{"size", Sizes{13}}})}, images)
                .find("the padded image has only 12"),
            std::string::npos);
  EXPECT_NE(refusal({layer("max_pool2d", {{"size", Sizes{2}}, {"padding", Sizes{2}}})}, images)
                .find("more than half"),
            std::string::npos);
}

TEST(Reshape, takes_any_shape_of_as_many_numbers) {
  const auto to = [](Sizes sizes) { return layer("reshape", {{"shape", std::move(sizes)}}); };
  EXPECT_EQ(shape_after({to({2, 3, 4})}, vectors), (Shape{2, 2, 3, 4}));
  EXPECT_EQ(shape_after({to({4, -1})}, vectors), (Shape{2, 4, 6}));
  EXPECT_EQ(shape_after({to({-1})}, images), (Shape{2, 360}));
  EXPECT_NE(refusal({to({5, 5})}, vectors).find("doesn't hold as many"), std::string::npos);
  EXPECT_NE(refusal({to({5, -1})}, vectors).find("doesn't hold as many"), std::string::npos);
  EXPECT_NE(refusal({to({-1, -1})}, vectors).find("more than one -1"), std::string::npos);
  EXPECT_NE(refusal({to({0, -1})}, vectors).find("is 0"), std::string::npos);
  EXPECT_NE(refusal({to({1, 1, 1, 1, 1, 24})}, vectors).find("more than five"), std::string::npos);
  // 2^62 * 4 would wrap around to 0.
  EXPECT_NE(refusal({to({std::int64_t{1} << 62, 4, -1})}, vectors).find("doesn't hold as many"),
            std::string::npos);
}

TEST(RaggedLayers, give_rows_of_tokens_until_one_gives_a_row_a_sample) {
  const ValueType tokens{DType::i32, {6}};
  const LayerSpec looked_up =
      layer("embedding", {{"count", std::int64_t{9}}, {"width", std::int64_t{4}}});
  const auto lstm = [](const char* returns) {
    return layer("lstm", {{"features", std::int64_t{5}},
                          {"bidirectional", true},
                          {"returns", std::string(returns)}});
  };
  const auto tree = [](const char* returns) {
    return layer("tree_lstm", {{"features", std::int64_t{5}}, {"returns", std::string(returns)}});
  };
  EXPECT_EQ(
      shape_after({looked_up, lstm("sequence"), linear_layer_spec(7)}, tokens, Ragged::sequences),
      (Shape{6, 7}));
  EXPECT_EQ(shape_after({looked_up, lstm("last"), linear_layer_spec(7)}, tokens, Ragged::sequences),
            (Shape{3, 7}));
  EXPECT_EQ(shape_after({looked_up, layer("pool")}, tokens, Ragged::sequences), (Shape{3, 4}));
  EXPECT_EQ(shape_after({looked_up, tree("root")}, tokens, Ragged::trees), (Shape{3, 5}));
  EXPECT_EQ(shape_after({looked_up, tree("nodes"), tree("nodes")}, tokens, Ragged::trees),
            (Shape{9, 5}));
  EXPECT_EQ(shape_after({looked_up, tree("nodes"), layer("pool")}, tokens, Ragged::trees),
            (Shape{3, 5}));
  EXPECT_NE(refusal({looked_up, lstm("last"), layer("pool")}, tokens, Ragged::sequences)
                .find("here each sample is a row"),
            std::string::npos);
  EXPECT_NE(refusal({looked_up, tree("root")}, tokens, Ragged::sequences).find("the data has none"),
            std::string::npos);
  EXPECT_NE(refusal({lstm("last")}, tokens, Ragged::sequences).find("put an embedding layer"),
            std::string::npos);
}

TEST(Residual, refuses_a_block_that_changes_the_shape_or_is_empty) {
  EXPECT_NE(refusal({layer("residual", {}, {linear_layer_spec(7)})}, vectors)
                .find("turns [24] into [7] per sample"),
            std::string::npos);
  EXPECT_NE(refusal({layer("residual")}, vectors).find("no layers"), std::string::npos);
}

}  // namespace
}  // namespace raven
