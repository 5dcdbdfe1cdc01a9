#include "raven/cluster/model_state.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>

#include "cluster/cached_parameters.hpp"
#include "raven/core/digest.hpp"
#include "raven/optim/optimizer.hpp"
#include "raven/tensor/kernels/fill.hpp"

namespace raven {
namespace {

constexpr std::int64_t width = 5;
const ValueType table{DType::f32, {40, width}};
const ParameterId id{0};

ParameterStore fresh() {
  ParameterStore store;
  Parameter parameter{.name = "table", .value = Tensor(table)};
  kernels::fill_normal({.seed = 3}, table.shape.count(), 0, 1, parameter.value.values().data());
  (void)store.add(std::move(parameter));
  return store;
}

/// Every third row, more or less; sometimes none.
RowGradient random_rows(std::mt19937& random, BufferPool& buffers) {
  std::vector<std::uint32_t> numbers;
  const auto one_in = 1 + random() % 20;
  for (std::uint32_t row = 0; row < 40; ++row) {
    if (random() % one_in == 0 && random() % 3 == 0) numbers.push_back(row);
  }
  RowGradient rows(numbers.size(), width, buffers);
  std::copy(numbers.begin(), numbers.end(), rows.numbers().begin());
  for (float& value : rows.values()) value = std::uniform_real_distribution<float>(-1, 1)(random);
  return rows;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.bytes().size() == b.bytes().size() &&
         std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

/// Old versions are held by nobody, by whoever has the last one, or by a checkpoint.
TEST(ModelState, updates_of_some_rows_have_the_bits_of_updates_of_all_and_leave_old_versions) {
  for (const char* option : {"rate", "momentum", "weight_decay"}) {
    TrainSpec train;
    train.optimizer.type = "sgd";
    for (const OptionDef& def : find_optimizer("sgd")->options) {
      train.optimizer.options.set(def.name, def.fallback);
    }
    train.optimizer.options.set(option, 0.1);
    BufferPool buffers;
    ModelState by_rows(train, fresh(), buffers);
    ModelState whole(train, fresh(), buffers);
    std::mt19937 random(5);
    std::vector<std::pair<Tensor, Tensor>> held;  // and a copy of it
    std::vector<CachedParameter> told{{by_rows.parameters()[id].value.clone(), 0}};
    for (std::int64_t step = 1; step <= 60; ++step) {
      if (random() % 3 != 0) {
        const Tensor& now = by_rows.parameters()[id].value;
        held.emplace_back(now, now.clone());
      }
      if (random() % 2 == 0 && held.size() > 1) held.erase(held.begin(), held.end() - 1);
      if (random() % 8 == 0) held.clear();
      const RowGradient rows = random_rows(random, buffers);
      ASSERT_EQ(by_rows.update(id, {rows, {}}, 0.5F, step, 0.1), ModelState::Updated::whole);
      ASSERT_EQ(whole.update(id, {expand(rows, table, buffers), {}}, 0.5F, step, 0.1),
                ModelState::Updated::whole);
      EXPECT_TRUE(same(by_rows.parameters()[id].value, whole.parameters()[id].value)) << step;
      EXPECT_EQ(by_rows.parameters()[id].version, static_cast<std::uint64_t>(step));
      for (const auto& [kept, copy] : held) EXPECT_TRUE(same(kept, copy)) << step;
      const ModelState::Change* change = by_rows.last_change(id);
      ASSERT_EQ(change != nullptr, option == std::string("rate"));
      if (change == nullptr) continue;
      const RowsMessage message{.id = id, .from = change->from, .version = change->to};
      EXPECT_EQ(receive(message, change->rows.blob(), buffers, told), nullptr);
      EXPECT_TRUE(same(told[0].value, whole.parameters()[id].value)) << step;
    }
  }
}

TEST(CachedParameters, take_rows_of_the_version_that_they_have_and_leave_old_versions) {
  BufferPool buffers;
  const std::vector<ValueType> types{{DType::f32, {3, 2}}, {DType::f32, {4}}};
  std::vector<CachedParameter> parameters(2);
  const Tensor whole = Tensor::of({3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
  RowGradient rows(1, 2, buffers);
  rows.numbers()[0] = 1;
  rows.values()[0] = 7;
  rows.values()[1] = 8;
  const Blob body = rows.blob();
  EXPECT_NE(receive(RowsMessage{{0}, Ready::no_version, 4}, body, buffers, parameters), nullptr);
  ASSERT_EQ(receive(ParameterMessage{{0}, 3}, whole.blob(), types, parameters), nullptr);
  ASSERT_EQ(receive(ParameterMessage{{1}, 3}, Blob(Bytes(16)), types, parameters), nullptr);
  EXPECT_NE(receive(RowsMessage{{0}, 2, 4}, body, buffers, parameters), nullptr);
  EXPECT_NE(receive(RowsMessage{{1}, 3, 4}, body, buffers, parameters), nullptr);
  EXPECT_NE(receive(RowsMessage{{2}, 3, 4}, body, buffers, parameters), nullptr);
  EXPECT_NE(receive(RowsMessage{{0}, 3, 4}, Blob(Bytes(12)), buffers, parameters), nullptr);
  EXPECT_TRUE(same(parameters[0].value, whole));
  EXPECT_EQ(parameters[0].version, 3U);

  const Tensor old = parameters[0].value;
  EXPECT_EQ(receive(RowsMessage{{0}, 3, 4}, body, buffers, parameters), nullptr);
  EXPECT_EQ(parameters[0].version, 4U);
  EXPECT_TRUE(same(parameters[0].value, Tensor::of({3, 2}, std::vector<float>{1, 2, 7, 8, 5, 6})));
  EXPECT_TRUE(same(old, whole));
  EXPECT_NE(receive(RowsMessage{{0}, 3, 4}, body, buffers, parameters), nullptr);
}

/// A model of one tensor of several blocks, and its optimizer.
ModelState blocks_of(const char* optimizer, BufferPool& buffers) {
  TrainSpec train;
  const OptimizerDef* def = find_optimizer(optimizer);
  train.optimizer.type = def->name;
  for (const OptionDef& option : def->options) {
    train.optimizer.options.set(std::string(option.name), option.fallback);
  }
  if (std::string(optimizer) == "sgd") train.optimizer.options.set("momentum", 0.9);
  if (std::string(optimizer) == "adagrad") train.optimizer.options.set("initial", 0.5);
  ParameterStore store;
  Parameter parameter{.name = "weight", .value = Tensor({DType::f32, {10000}})};
  kernels::fill_normal({.seed = 3}, 10000, 0, 1, parameter.value.values().data());
  (void)store.add(std::move(parameter));
  return ModelState(train, std::move(store), buffers);
}

TEST(ModelState, an_update_whose_gradient_was_no_number_somewhere_is_gone_on_with) {
  for (const char* optimizer : {"sgd", "adam", "adamw", "rmsprop", "adagrad"}) {
    BufferPool buffers;
    ModelState disturbed = blocks_of(optimizer, buffers);
    ModelState quiet = blocks_of(optimizer, buffers);
    for (std::int64_t step = 1; step <= 3; ++step) {
      Tensor gradient({DType::f32, {10000}});
      kernels::fill_normal({.seed = 7, .step = static_cast<std::uint64_t>(step)}, 10000, 0, 1,
                           gradient.values().data());
      Tensor broken = gradient.clone();
      broken.values()[5000] = std::numeric_limits<float>::quiet_NaN();
      // Somebody else holds the value that the step began with, as a step's work does.
      const Tensor before = disturbed.parameters()[id].value;
      const Tensor copy = before.clone();
      EXPECT_EQ(disturbed.update(id, {broken, {}}, 0.5F, step, 0.1),
                ModelState::Updated::gradient_not_finite);
      EXPECT_TRUE(disturbed.between_steps());
      EXPECT_EQ(disturbed.parameters()[id].version, static_cast<std::uint64_t>(step - 1));
      EXPECT_EQ(digest_of(disturbed.parameters()[id].value.bytes()), digest_of(copy.bytes()));
      EXPECT_EQ(disturbed.update(id, {gradient, {}}, 0.5F, step, 0.1), ModelState::Updated::whole);
      EXPECT_FALSE(disturbed.between_steps());
      EXPECT_EQ(quiet.update(id, {gradient, {}}, 0.5F, step, 0.1), ModelState::Updated::whole);
      EXPECT_EQ(disturbed.parameters().digest(), quiet.parameters().digest())
          << optimizer << " step " << step;
    }
  }
}

TEST(ModelState, numbers_beyond_all_numbers_are_found_in_weights_and_in_the_optimizers_state) {
  BufferPool buffers;
  for (const auto& [optimizer, gradient, flaw] :
       {std::tuple{"sgd", 3e38F, "the values of \"weight\" are"},
        std::tuple{"adam", 1e20F, "the optimizer's state of \"weight\" is"}}) {
    ModelState model = blocks_of(optimizer, buffers);
    EXPECT_EQ(model.flaw(), "");
    Tensor large({DType::f32, {10000}});
    large.values()[9999] = gradient;
    EXPECT_EQ(model.update(id, {large, {}}, 1, 1, 10), ModelState::Updated::not_finite);
    EXPECT_EQ(model.flaw_of(id), flaw);
  }
}

}  // namespace
}  // namespace raven
