#include <cmath>
#include <cstring>

#include "golden/golden.hpp"
#include "nn/specs.hpp"

namespace raven {
namespace {

struct Moments {
  double mean = 0;
  double deviation = 0;
  double largest = 0;
};

Moments moments_of(const Tensor& tensor) {
  Moments found;
  for (const float value : tensor.values()) {
    found.mean += double{value} / static_cast<double>(tensor.count());
    found.largest = std::max(found.largest, std::abs(double{value}));
  }
  for (const float value : tensor.values()) {
    found.deviation +=
        std::pow(double{value} - found.mean, 2) / static_cast<double>(tensor.count());
  }
  found.deviation = std::sqrt(found.deviation);
  return found;
}

/// The first parameter of a layer on a batch of vectors or images.
Tensor weight_of(const LayerSpec& spec, const Shape& input, std::uint64_t seed = 1,
                 DType dtype = DType::f32) {
  ParameterStore store;
  (void)make_sequence(std::span(&spec, 1),
                      {.store = store, .path = "", .input = {dtype, input}, .seed = seed});
  return store.all()[0].value;
}

LayerSpec linear_with(const std::string& initial, double scale,
                      const std::string& activation = "none") {
  return layer("linear", {{"features", std::int64_t{300}},
                          {"initial", initial},
                          {"initial_scale", scale},
                          {"activation", activation}});
}

void expect_normal(const Tensor& weight, double deviation) {
  const Moments found = moments_of(weight);
  const double count = static_cast<double>(weight.count());
  EXPECT_NEAR(found.mean, 0, 5 * deviation / std::sqrt(count));
  EXPECT_NEAR(found.deviation, deviation, 5 * deviation / std::sqrt(2 * count));
  EXPECT_GT(found.largest, 3 * deviation);
}

void expect_uniform(const Tensor& weight, double bound) {
  const Moments found = moments_of(weight);
  const double count = static_cast<double>(weight.count());
  EXPECT_NEAR(found.mean, 0, 5 * bound / std::sqrt(3 * count));
  EXPECT_NEAR(found.deviation, bound / std::sqrt(3.0), 3 * bound / std::sqrt(count));
  EXPECT_LE(found.largest, bound * (1 + 1e-6));
  EXPECT_GT(found.largest, 0.99 * bound);
}

TEST(Initial, has_the_distribution_it_names) {
  const Shape input{1, 200};
  expect_normal(weight_of(linear_with("he", 0), input), std::sqrt(2.0 / 200));
  expect_normal(weight_of(linear_with("he", 0.5), input), 0.5 * std::sqrt(2.0 / 200));
  expect_normal(weight_of(linear_with("lecun", 0), input), std::sqrt(1.0 / 200));
  expect_uniform(weight_of(linear_with("glorot", 0), input), std::sqrt(6.0 / 500));
  expect_normal(weight_of(linear_with("normal", 0), input), 0.02);
  expect_normal(weight_of(linear_with("normal", 0.3), input), 0.3);
  expect_uniform(weight_of(linear_with("uniform", 0), input), 0.05);
  expect_uniform(weight_of(linear_with("uniform", 0.7), input), 0.7);
  EXPECT_EQ(moments_of(weight_of(linear_with("zeros", 0), input)).largest, 0);
}

TEST(Initial, is_chosen_by_the_activation_behind_the_weight) {
  const Shape input{1, 200};
  expect_normal(weight_of(linear_with("auto", 0, "relu"), input), std::sqrt(2.0 / 200));
  expect_normal(weight_of(linear_with("auto", 0, "selu"), input), std::sqrt(1.0 / 200));
  expect_uniform(weight_of(linear_with("auto", 0, "none"), input), std::sqrt(6.0 / 500));
  expect_uniform(weight_of(linear_with("auto", 0, "tanh"), input), std::sqrt(6.0 / 500));
}

TEST(Initial, counts_the_window_and_the_group_of_a_convolution) {
  const auto conv = [](const std::string& initial, std::int64_t groups) {
    return layer("conv2d", {{"channels", std::int64_t{96}},
                            {"kernel", std::vector<std::int64_t>{3, 5}},
                            {"groups", groups},
                            {"initial", initial}});
  };
  const Shape input{1, 8, 8, 32};
  expect_normal(weight_of(conv("he", 1), input), std::sqrt(2.0 / (15 * 32)));
  expect_normal(weight_of(conv("he", 4), input), std::sqrt(2.0 / (15 * 8)));
  expect_uniform(weight_of(conv("glorot", 1), input), std::sqrt(6.0 / (15 * (32 + 96))));
}

TEST(Initial, of_an_embedding_is_standard_normal_unless_told_otherwise) {
  const LayerSpec spec =
      layer("embedding", {{"count", std::int64_t{500}}, {"width", std::int64_t{40}}});
  expect_normal(weight_of(spec, {1, 3}, 1, DType::i32), 1.0);
}

TEST(Initial, of_biases_and_norms_is_zero_and_one) {
  ParameterStore store;
  const std::vector<LayerSpec> layers{linear_layer_spec(4), layer("batch_norm")};
  (void)make_sequence(layers, {.store = store, .path = "", .input = {DType::f32, {1, 3}}});
  const float expected[] = {0.0F, 1.0F, 0.0F, 0.0F, 1.0F};
  for (std::size_t i = 1; i < store.size(); ++i) {
    for (const float value : store.all()[i].value.values()) {
      EXPECT_EQ(value, expected[i - 1]) << store.all()[i].name;
    }
  }
}

TEST(Initial, depends_on_seed_and_parameter_alone) {
  const Shape input{1, 50};
  const auto bytes_equal = [](const Tensor& a, const Tensor& b) {
    return std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
  };
  const Tensor once = weight_of(linear_with("he", 0), input, 7);
  EXPECT_TRUE(bytes_equal(once, weight_of(linear_with("he", 0), input, 7)));
  EXPECT_FALSE(bytes_equal(once, weight_of(linear_with("he", 0), input, 8)));
  ParameterStore store;
  const std::vector<LayerSpec> layers{linear_layer_spec(50), linear_layer_spec(50)};
  (void)make_sequence(layers,
                      {.store = store, .path = "", .input = {DType::f32, {1, 50}}, .seed = 7});
  EXPECT_FALSE(bytes_equal(store.all()[0].value, store.all()[2].value));
}

}  // namespace
}  // namespace raven
