#include "raven/tensor/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace raven {
namespace {

TEST(Parallel, every_index_is_visited_once) {
  for (const int threads : {1, 2, 4}) {
    ComputePool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    std::vector<std::atomic<int>> visits(1000);
    pool.run([&] {
      parallel_for(1000, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
    });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
  }
}

TEST(Parallel, ranges_cover_the_count_and_begin_at_multiples_of_the_grain) {
  ComputePool pool(2);
  std::atomic<std::int64_t> total = 0;
  pool.run([&] {
    parallel_ranges(1003, 100, [&](std::int64_t first, std::int64_t last) {
      EXPECT_EQ(first % 100, 0);
      EXPECT_LE(last - first, 100);
      total += last - first;
    });
    parallel_ranges(0, 100, [](std::int64_t, std::int64_t) { FAIL() << "nothing to do"; });
  });
  EXPECT_EQ(total, 1003);
}

TEST(Parallel, outside_a_pool_loops_stay_on_the_thread_that_calls) {
  std::set<std::thread::id> seen;
  parallel_for(64, [&](std::int64_t) { seen.insert(std::this_thread::get_id()); });
  EXPECT_EQ(seen, std::set{std::this_thread::get_id()});
}

TEST(Parallel, loops_nest) {
  ComputePool pool(4);
  std::atomic<int> total = 0;
  pool.run([&] {
    parallel_for(10, [&](std::int64_t) { parallel_for(10, [&](std::int64_t) { ++total; }); });
  });
  EXPECT_EQ(total, 100);
}

TEST(Parallel, a_caller_with_a_place_of_its_own_waits_for_nothing_that_was_started) {
  ComputePool pool(2, 1);
  EXPECT_EQ(pool.threads(), 2);
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  for (int i = 0; i < 4; ++i) pool.start([opened] { opened.wait(); });
  int sum = 0;
  pool.run([&] { sum += 1; });  // for ever, if it waited
  EXPECT_EQ(sum, 1);
  gate.set_value();
}

TEST(Parallel, an_exception_reaches_the_caller) {
  ComputePool pool(2);
  const auto loop = [&] {
    pool.run([] {
      parallel_for(100, [](std::int64_t i) {
        if (i == 42) throw std::runtime_error("42");
      });
    });
  };
  EXPECT_THROW(loop(), std::runtime_error);
}

TEST(ComputePool, the_destructor_waits_for_what_was_started) {
  std::atomic<int> done = 0;
  {
    ComputePool pool(2);
    for (int i = 0; i < 50; ++i) {
      pool.start([&] {
        parallel_for(10, [](std::int64_t) {});
        ++done;
      });
    }
  }
  EXPECT_EQ(done, 50);
}

TEST(ComputePool, started_work_runs_side_by_side_without_the_starter) {
  // Each of two tasks waits for the other: with one worker only, this would never end.
  std::promise<void> first;
  std::promise<void> second;
  std::atomic<int> met = 0;
  {
    ComputePool pool(2);  // goes first, for it waits for its tasks, which need the others
    pool.start([&] {
      first.set_value();
      second.get_future().wait();
      ++met;
    });
    pool.start([&] {
      second.set_value();
      first.get_future().wait();
      ++met;
    });
  }
  EXPECT_EQ(met, 2);
}

TEST(ComputePool, a_single_thread_pool_runs_what_was_started_while_its_owner_is_elsewhere) {
  std::promise<std::thread::id> ran;
  ComputePool pool(1);  // ends before what its task uses
  pool.start([&] { ran.set_value(std::this_thread::get_id()); });
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
}

TEST(Scratch, nests_like_a_stack_and_is_aligned) {
  std::set<const float*> seen;
  for (int round = 0; round < 20; ++round) {
    const Scratch outer(1000);
    const Scratch large(3'000'000);
    const Scratch none(0);
    EXPECT_EQ(none.data(), nullptr);
    {
      const Scratch inner(7);
      inner.data()[6] = 1.0F;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(inner.data()) % 64, 0U);
    }
    large.data()[2'999'999] = 1.0F;
    outer.data()[999] = 1.0F;
    EXPECT_NE(outer.data(), large.data());
    if (round >= 2) seen.insert(large.data());
  }
  EXPECT_EQ(seen.size(), 1U) << "the steady state reuses its memory";
}

}  // namespace
}  // namespace raven
