#include "raven/graph/parameter_store.hpp"

#include <gtest/gtest.h>

#include "raven/core/error.hpp"

namespace raven {
namespace {

Tensor two(float a, float b) { return Tensor::of(Shape{2}, std::vector<float>{a, b}); }

TEST(ParameterStore, numbers_parameters_in_the_order_they_come) {
  ParameterStore store;
  EXPECT_EQ(store.add({.name = "weight", .value = two(1, 2)}).value, 0U);
  EXPECT_EQ(store.add({.name = "mean", .value = two(3, 4), .trainable = false}).value, 1U);
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store[{1}].name, "mean");
  EXPECT_FALSE(store[{1}].trainable);
}

TEST(ParameterStore, a_name_is_given_once) {
  ParameterStore store;
  store.add({.name = "weight", .value = two(1, 2)});
  EXPECT_THROW(store.add({.name = "weight", .value = two(1, 2)}), InputError);
}

TEST(ParameterStore, replacing_leaves_what_others_hold_alone) {
  ParameterStore store;
  const ParameterId id = store.add({.name = "weight", .value = two(1, 2)});
  const Tensor sent = store[id].value;
  store.replace(id, two(5, 6), 7);
  EXPECT_EQ(sent.values()[0], 1.0F);
  EXPECT_EQ(std::as_const(store)[id].value.values()[0], 5.0F);
  EXPECT_EQ(store[id].version, 7U);
}

TEST(ParameterStore, a_value_taken_out_can_be_overwritten_and_given_back) {
  ParameterStore store;
  const ParameterId id = store.add({.name = "weight", .value = two(1, 2)});
  Tensor value = store.take(id);
  EXPECT_TRUE(value.unique());
  value.values()[1] = 9;
  store.replace(id, std::move(value), 1);
  EXPECT_EQ(std::as_const(store)[id].value.values()[1], 9.0F);
}

TEST(ParameterStore, the_digest_tells_names_shapes_values_and_order_apart) {
  const auto digest = [](const std::vector<std::pair<std::string, Tensor>>& parameters) {
    ParameterStore store;
    for (const auto& [name, value] : parameters) store.add({.name = name, .value = value});
    return store.digest();
  };
  const Tensor flat = two(1, 2);
  const Digest one = digest({{"a", flat}, {"b", two(3, 4)}});
  EXPECT_EQ(one, digest({{"a", two(1, 2)}, {"b", two(3, 4)}}));
  EXPECT_NE(one, digest({{"b", two(3, 4)}, {"a", flat}}));
  EXPECT_NE(one, digest({{"a", flat}, {"c", two(3, 4)}}));
  EXPECT_NE(one, digest({{"a", flat}, {"b", two(3, 5)}}));
  EXPECT_NE(one, digest({{"a", flat.reshaped({2, 1})}, {"b", two(3, 4)}}));
}

TEST(ParameterStore, the_digest_is_that_of_the_documented_bytes) {
  ParameterStore store;
  store.add({.name = "w", .value = two(1, -2)});
  // name, dtype 1, two dims as in [2], then the floats; hashed by sha256sum.
  ByteWriter to;
  to.put_string("w");
  to.put(std::uint8_t{1});
  to.put(std::uint32_t{1});
  to.put(std::int64_t{2});
  to.put(1.0F);
  to.put(-2.0F);
  EXPECT_EQ(store.digest(), digest_of(ByteSpan(to.bytes())));
}

}  // namespace
}  // namespace raven
