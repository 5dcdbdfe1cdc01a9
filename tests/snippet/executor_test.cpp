#include "raven/snippet/executor.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "raven/graph/plan.hpp"

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
  batch.plans = {plan};
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

}  // namespace
}  // namespace raven
