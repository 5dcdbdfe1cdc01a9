#include "raven/snippet/executor.hpp"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "raven/graph/ops/arithmetic.hpp"
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
    gradients[ready->parameter.value] = std::as_const(ready->sum).values()[0];
  }
  EXPECT_EQ(gradients, (std::map<std::uint32_t, float>{{0, 1 + 2}, {1, 3}}));
  EXPECT_TRUE(std::holds_alternative<BatchDone>(events.back()));
}

}  // namespace
}  // namespace raven
