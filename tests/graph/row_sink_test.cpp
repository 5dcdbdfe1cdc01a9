#include "raven/graph/row_sink.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/reduce.hpp"
#include "raven/graph/plan.hpp"
#include "raven/graph/tape.hpp"
#include "raven/tensor/kernels/fill.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

struct Taken {
  std::vector<std::uint32_t> numbers;
  std::vector<float> gradients;
};

Taken take(RowSink& sink) {
  Taken taken{std::vector<std::uint32_t>(sink.count()),
              std::vector<float>(sink.count() * static_cast<std::size_t>(sink.width()))};
  sink.take(taken.numbers.data(), taken.gradients.data());
  return taken;
}

TEST(RowSink, keeps_the_rows_that_were_added_to_in_rising_order) {
  RowSink sink;
  sink.begin(200, 2);
  sink.add(std::vector<std::int32_t>{130, 7, 130}, std::vector<float>{1, 2, 3, 4, 5, 6}.data(), -1);
  sink.add(std::vector<std::int32_t>{7, 199}, std::vector<float>{10, 20, 30, 40}.data(), 199);
  const Taken taken = take(sink);
  EXPECT_EQ(taken.numbers, (std::vector<std::uint32_t>{7, 130}));
  EXPECT_EQ(taken.gradients, (std::vector<float>{13, 24, 6, 8}));
  EXPECT_EQ(sink.count(), 0U);
}

TEST(RowSink, begins_anew_also_when_nobody_took_what_it_had) {
  RowSink sink;
  sink.begin(9, 1);
  sink.add(std::vector<std::int32_t>{8, 3}, std::vector<float>{1, 2}.data(), -1);
  sink.begin(70, 1);
  sink.add(std::vector<std::int32_t>{69, 3}, std::vector<float>{5, 6}.data(), -1);
  const Taken taken = take(sink);
  EXPECT_EQ(taken.numbers, (std::vector<std::uint32_t>{3, 69}));
  EXPECT_EQ(taken.gradients, (std::vector<float>{6, 5}));
  sink.begin(9, 1);
  EXPECT_TRUE(take(sink).numbers.empty());
}

constexpr std::int64_t entries = 1000;
constexpr std::int64_t width = 70;
const ParameterId table_id{1};

/// The loss of some look-ups in a table, and of what else reads it.
Graph graph_of(std::int64_t lookups,
               const std::function<Variable(Variable table, Variable looked_up)>& also,
               std::int64_t rows = entries, bool trainable = true) {
  ParameterStore store;
  (void)store.add({.name = "scale", .value = Tensor(ValueType{DType::f32, {width}})});
  (void)store.add({.name = "table",
                   .value = Tensor(ValueType{DType::f32, {rows, width}}),
                   .trainable = trainable});
  Tape tape;
  const Variable indices = tape.input(slot_features, {DType::i32, {lookups}});
  const Variable table = tape.parameter(store, table_id);
  const Variable scaled = mul(embedding(indices, table, 3), tape.parameter(store, {0}));
  const Variable looked_up = also ? also(table, scaled) : scaled;
  tape.set_loss(row_sum(looked_up), tape.input(slot_targets, {DType::f32, {lookups}}));
  return tape.take();
}

TEST(TablesByRows, are_large_and_looked_up_only_and_seldom) {
  const std::vector<ParameterId> yes{table_id};
  EXPECT_EQ(tables_by_rows(graph_of(20, {})), yes);
  EXPECT_EQ(tables_by_rows(graph_of(entries / 2 - 1, {})), yes);
  EXPECT_TRUE(tables_by_rows(graph_of(entries / 2, {})).empty());
  EXPECT_TRUE(tables_by_rows(graph_of(1, {}, least_table / width)).empty());
  EXPECT_EQ(tables_by_rows(graph_of(1, {}, least_table / width + 1)), yes);
  EXPECT_TRUE(tables_by_rows(graph_of(20, {}, entries, false)).empty());
  // Look-ups add up.
  const auto again = [](Variable table, Variable looked_up) {
    const Variable indices = looked_up.tape().input(slot_lengths, {DType::i32, {300}});
    return add(looked_up, sum(embedding(indices, table, -1), 0));
  };
  EXPECT_EQ(tables_by_rows(graph_of(199, again)), yes);
  EXPECT_TRUE(tables_by_rows(graph_of(200, again)).empty());
}

TEST(TablesByRows, are_not_read_in_any_other_way) {
  const auto tied = [](Variable table, Variable looked_up) { return linear(looked_up, table); };
  EXPECT_TRUE(tables_by_rows(graph_of(20, tied)).empty());
  const auto reshaped = [](Variable table, Variable looked_up) {
    return add(looked_up, sum(reshape(table, {entries, width}), 0));
  };
  EXPECT_TRUE(tables_by_rows(graph_of(20, reshaped)).empty());
}

TEST(TablesByRows, have_the_gradient_that_all_elements_have) {
  const auto twice = [](Variable table, Variable looked_up) {
    const Variable indices = looked_up.tape().input(slot_lengths, {DType::i32, {40}});
    return mul(looked_up, sum(embedding(indices, table, -1), 0));
  };
  const Plan plan(graph_of(60, twice), Plan::Purpose::training);
  ASSERT_EQ(plan.tables_by_rows().size(), 1U);
  std::vector<Tensor> parameters{Tensor(ValueType{DType::f32, {width}}),
                                 Tensor(ValueType{DType::f32, {entries, width}})};
  std::uint64_t seed = 1;
  for (Tensor& value : parameters) {
    kernels::fill_normal({.seed = seed++}, value.count(), 0, 1, value.values().data());
  }
  std::vector<std::int32_t> some(60);
  std::vector<std::int32_t> others(40);
  for (std::size_t i = 0; i < some.size(); ++i) some[i] = static_cast<std::int32_t>(i * i % 90);
  for (std::size_t i = 0; i < others.size(); ++i)
    others[i] = static_cast<std::int32_t>(999 - i % 7);
  some.back() = 996;
  Tensor inputs[3] = {Tensor::of({60}, std::span<const std::int32_t>(some)),
                      Tensor(ValueType{DType::f32, {60}}),
                      Tensor::of({40}, std::span<const std::int32_t>(others))};
  std::vector<ConstView> input_views(input_slots);
  for (std::size_t i = 0; i < 3; ++i) input_views[i] = std::as_const(inputs[i]).view();
  std::vector<ConstView> parameter_views;
  for (const Tensor& value : parameters) parameter_views.push_back(value.view());

  const auto run = [&](RowSink* rows) {
    std::vector<Tensor> gradients;
    for (const Tensor& value : parameters) gradients.emplace_back(value.type());
    if (rows != nullptr) gradients[1] = Tensor();
    std::vector<View> gradient_views;
    for (Tensor& gradient : gradients) gradient_views.push_back(gradient.view());
    RowSink* const sinks[] = {nullptr, rows};
    const Bindings bindings{.inputs = input_views,
                            .parameters = parameter_views,
                            .gradients = gradient_views,
                            .gradient_rows = sinks,
                            .key = {}};
    Workspace workspace(plan.workspace_bytes());
    plan.forward(workspace, bindings);
    plan.backward(workspace, bindings, [](ParameterId) {});
    return gradients;
  };
  const std::vector<Tensor> dense = run(nullptr);
  RowSink sink;
  sink.begin(entries, width);
  ComputePool pool(2);
  std::vector<Tensor> by_rows;
  pool.run([&] { by_rows = run(&sink); });
  EXPECT_EQ(
      std::memcmp(by_rows[0].bytes().data(), dense[0].bytes().data(), dense[0].bytes().size()), 0);
  const Taken taken = take(sink);
  std::vector<float> whole(static_cast<std::size_t>(entries * width));
  for (std::size_t i = 0; i < taken.numbers.size(); ++i) {
    std::memcpy(&whole[taken.numbers[i] * width], &taken.gradients[i * width],
                width * sizeof(float));
  }
  EXPECT_EQ(std::memcmp(whole.data(), dense[1].bytes().data(), dense[1].bytes().size()), 0);
  EXPECT_TRUE(std::is_sorted(taken.numbers.begin(), taken.numbers.end()));
  EXPECT_LT(taken.numbers.size(), 68U);
  EXPECT_GT(taken.numbers.size(), 20U);
}

}  // namespace
}  // namespace raven
