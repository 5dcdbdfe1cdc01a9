#include "raven/snippet/executor.hpp"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/reduce.hpp"
#include "raven/graph/plan.hpp"
#include "raven/graph/tape.hpp"

namespace raven {
namespace {

/// A batch of one snippet that fails as soon as it may be begun, and says so.
SnippetBatch failing(std::uint64_t work, const std::shared_ptr<const Plan>& plan,
                     std::shared_future<void> gate) {
  SnippetBatch batch;
  batch.work = work;
  batch.node = {0, 1};
  batch.root = {0, 1};
  batch.snippets = {Snippet{}};
  batch.plans = {[plan] { return plan; }};
  batch.snippets[0].rows = 1;
  batch.read_rows = [gate = std::move(gate)](const Snippet&, const RowViews&) {
    gate.wait();
    return std::string("no such shard");
  };
  return batch;
}

TEST(Executor, batches_are_begun_in_the_order_in_which_they_came) {
  ComputePool compute(1);
  BufferPool buffers;
  std::promise<void> opens;
  const std::shared_future<void> gate = opens.get_future().share();
  const auto plan = std::make_shared<const Plan>(Graph{}, Plan::Purpose::inference);
  std::vector<ComputeEvent> events;
  constexpr std::uint64_t count = 200;
  {
    Executor executor(compute, buffers, [] {});
    for (std::uint64_t work = 1; work <= count; ++work) executor.start(failing(work, plan, gate));
    opens.set_value();
    while (executor.busy() > 0) std::this_thread::yield();
    executor.drain(events);
  }
  ASSERT_EQ(events.size(), count);
  for (std::uint64_t i = 0; i < count; ++i) {
    EXPECT_EQ(std::get<BatchFailed>(events[i]).work, i + 1);
  }
}

/// Loss x w of one row, w being parameter `number` of one number.
std::shared_ptr<const Plan> plan_of_parameter(const ParameterStore& store, std::uint32_t number) {
  Tape tape;
  const Variable w = tape.parameter(store, {number});
  const Variable weights = tape.input(slot_features, {DType::f32, {1}});
  tape.set_loss(mul(w, weights), weights);
  return std::make_shared<const Plan>(tape.take(), Plan::Purpose::training);
}

TEST(Executor, a_snippet_without_a_gradient_that_others_have_brings_zeros) {
  ComputePool compute(1);
  BufferPool buffers;
  ParameterStore store;
  for (const char* name : {"first", "second"}) {
    (void)store.add({.name = name, .value = Tensor(ValueType{DType::f32, {1}})});
  }
  SnippetBatch batch;
  batch.work = 1;
  batch.node = batch.root = {0, 3};
  // Two snippets train the first parameter and one the second.
  for (const std::uint32_t of : {0U, 0U, 1U}) {
    const auto plan = plan_of_parameter(store, of);
    batch.plans.emplace_back([plan] { return plan; });
    batch.snippets.push_back({.index = static_cast<std::uint32_t>(batch.snippets.size()),
                              .graph = {},
                              .first = 0,
                              .rows = 1});
  }
  for (const Parameter& parameter : store.all()) batch.parameters.push_back(parameter.value);
  batch.gradients = {{0}, {1}};
  batch.read_rows = [](const Snippet& snippet, const RowViews& to) {
    *to.features.f32() = static_cast<float>(1 + snippet.index);
    return std::string();
  };
  Executor executor(compute, buffers, [] {});
  executor.compute(std::move(batch));
  std::vector<ComputeEvent> events;
  executor.drain(events);

  std::map<std::uint32_t, float> gradients;
  for (const ComputeEvent& event : events) {
    const auto* ready = std::get_if<GradientReady>(&event);
    if (ready == nullptr) continue;
    EXPECT_EQ(ready->node, (SnippetRange{0, 3}));
    EXPECT_EQ(gradients.count(ready->parameter.value), 0U);
    gradients[ready->parameter.value] = ready->sum.dense().values()[0];
  }
  EXPECT_EQ(gradients, (std::map<std::uint32_t, float>{{0, 1 + 2}, {1, 3}}));
  EXPECT_TRUE(std::holds_alternative<BatchDone>(events.back()));
}

constexpr std::int64_t entries = 1000;
constexpr std::int64_t width = 5;

/// What a snippet does with the table that is parameter 0.
enum class Reads { two_rows, nothing, everything };

std::shared_ptr<const Plan> plan_that(Reads reads, const ParameterStore& store) {
  Tape tape;
  const Variable indices = tape.input(slot_features, {DType::i32, {2}});
  const Variable weights = tape.input(slot_targets, {DType::f32, {2}});
  const Variable table = tape.parameter(store, {0});
  const Variable other = tape.parameter(store, {1});
  Variable loss = mul(weights, other);
  if (reads == Reads::two_rows) loss = add(loss, row_sum(embedding(indices, table)));
  if (reads == Reads::everything) loss = add(loss, sum(row_sum(table), 0));
  tape.set_loss(loss, weights);
  return std::make_shared<const Plan>(tape.take(), Plan::Purpose::training);
}

/// The table's gradient over four snippets, whose i-th looks up rows i and 7.
Gradient gradient_of(const std::vector<Reads>& snippets) {
  ComputePool compute(2);
  BufferPool buffers;
  ParameterStore store;
  (void)store.add({.name = "table", .value = Tensor(ValueType{DType::f32, {entries, width}})});
  (void)store.add({.name = "other", .value = Tensor(ValueType{DType::f32, {2}})});
  SnippetBatch batch;
  batch.work = 1;
  batch.node = batch.root = {0, static_cast<std::uint32_t>(snippets.size())};
  for (const Reads reads : snippets) {
    batch.plans.emplace_back([plan = plan_that(reads, store)] { return plan; });
    batch.snippets.push_back({.index = static_cast<std::uint32_t>(batch.snippets.size()),
                              .graph = {},
                              .first = 0,
                              .rows = 2});
  }
  for (const Parameter& parameter : store.all()) batch.parameters.push_back(parameter.value);
  batch.gradients = {{0}, {1}};
  batch.read_rows = [](const Snippet& snippet, const RowViews& to) {
    to.features.i32()[0] = static_cast<std::int32_t>(snippet.index);
    to.features.i32()[1] = 7;
    return std::string();
  };
  Executor executor(compute, buffers, [] {});
  executor.start(std::move(batch));
  std::vector<ComputeEvent> events;
  while (executor.busy() > 0) std::this_thread::yield();
  executor.drain(events);
  for (const ComputeEvent& event : events) {
    const auto* ready = std::get_if<GradientReady>(&event);
    if (ready != nullptr && ready->parameter == ParameterId{0}) return ready->sum;
  }
  return {};
}

TEST(Executor, a_table_of_which_rows_are_looked_up_has_a_gradient_of_those) {
  const Gradient gradient =
      gradient_of({Reads::two_rows, Reads::nothing, Reads::two_rows, Reads::two_rows});
  ASSERT_EQ(gradient.form(), Gradient::Form::rows);
  const RowGradient& rows = gradient.rows();
  const std::vector<std::uint32_t> numbers(rows.numbers().begin(), rows.numbers().end());
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{0, 2, 3, 7}));
  ASSERT_EQ(rows.width(), width);
  for (std::size_t i = 0; i < rows.values().size(); ++i)
    EXPECT_EQ(rows.values()[i], i < 15 ? 1 : 3);
}

TEST(Executor, a_table_that_one_snippet_reads_whole_has_a_gradient_of_all_of_it) {
  const Gradient gradient = gradient_of({Reads::two_rows, Reads::everything, Reads::two_rows});
  ASSERT_EQ(gradient.form(), Gradient::Form::dense);
  ASSERT_EQ(gradient.dense().count(), entries * width);
  // Each of the two rows of the loss has the sum of the whole table in it.
  const auto expected = [](std::size_t row) {
    return 2.0F + (row == 0 || row == 2 ? 1.0F : row == 7 ? 2.0F : 0.0F);
  };
  const std::span<const float> values = gradient.dense().values();
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], expected(i / width)) << i;
}

TEST(Executor, a_table_that_no_snippet_reads_has_a_gradient_of_no_rows) {
  const Gradient gradient = gradient_of({Reads::nothing, Reads::nothing});
  ASSERT_EQ(gradient.form(), Gradient::Form::rows);
  EXPECT_EQ(gradient.rows().count(), 0U);
}

}  // namespace
}  // namespace raven
