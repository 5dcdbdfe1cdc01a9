#include "raven/data/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace raven {
namespace {

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, std::int64_t size) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < size; ++i) order.push_back(sample_at(seed, epoch, i, size));
  return order;
}

class SampleAt : public testing::TestWithParam<std::int64_t> {};

TEST_P(SampleAt, gives_every_sample_exactly_once) {
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    auto order = epoch_order(11, epoch, GetParam());
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < GetParam(); ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, SampleAt,
                         testing::Values(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 61, 97, 127, 128,
                                         129, 511, 512, 513, 1009, 4095, 4096, 4097, 10007));

TEST(SampleAtProperties, epochs_and_seeds_differ) {
  EXPECT_NE(epoch_order(1, 0, 100), epoch_order(1, 1, 100));
  EXPECT_NE(epoch_order(1, 0, 100), epoch_order(2, 0, 100));
  EXPECT_NE(epoch_order(1, 0, 100), epoch_order(1, std::uint64_t{1} << 32, 100));
  EXPECT_EQ(epoch_order(1, 5, 100), epoch_order(1, 5, 100));
}

// Chi-squared over where each sample lands: 9 * 9 = 81 degrees of freedom, whose 99.99 % quantile
// is 136.
TEST(SampleAtProperties, every_position_is_equally_likely) {
  constexpr std::int64_t size = 10;
  constexpr int epochs = 5000;
  std::array<std::array<int, size>, size> seen{};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (std::int64_t i = 0; i < size; ++i) {
      ++seen.at(static_cast<std::size_t>(i))
            .at(static_cast<std::size_t>(sample_at(3, static_cast<std::uint64_t>(epoch), i, size)));
    }
  }
  double statistic = 0;
  for (const auto& row : seen) {
    for (const int count : row) statistic += (count - 500.0) * (count - 500.0) / 500.0;
  }
  EXPECT_LT(statistic, 136);
}

// All 3! orders of three samples must come up about equally often; 5 degrees of freedom, 99.99 %
// quantile 25.7.
TEST(SampleAtProperties, every_order_of_three_is_equally_likely) {
  std::map<std::vector<std::int64_t>, int> seen;
  for (std::uint64_t epoch = 0; epoch < 6000; ++epoch) ++seen[epoch_order(9, epoch, 3)];
  EXPECT_EQ(seen.size(), 6U);
  double statistic = 0;
  for (const auto& [order, count] : seen) statistic += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(statistic, 25.7);
}

TEST(SampleAtProperties, neighbours_are_not_kept_together) {
  const auto order = epoch_order(4, 0, 10000);
  int adjacent = 0;
  for (std::size_t i = 1; i < order.size(); ++i) adjacent += std::abs(order[i] - order[i - 1]) == 1;
  EXPECT_LT(adjacent, 15);  // two are expected, Poisson
}

TEST(SampleAtProperties, sizes_of_2_to_the_40_work) {
  constexpr std::int64_t size = (std::int64_t{1} << 40) + 1;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const std::int64_t sample = sample_at(1, 0, size - 1 - i, size);
    ASSERT_GE(sample, 0);
    ASSERT_LT(sample, size);
  }
}

TEST(Sampler, an_epoch_is_covered_and_its_last_batch_is_partial) {
  const Sampler sampler{.seed = 2, .size = 103, .batch = 10};
  ASSERT_EQ(sampler.steps_per_epoch(), 11);
  for (const std::int64_t epoch : {0, 1, 7}) {
    std::vector<std::int64_t> all;
    for (std::int64_t s = 0; s < 11; ++s) {
      const auto batch = sampler.batch_at(epoch * 11 + s);
      EXPECT_EQ(static_cast<std::int64_t>(batch.size()), sampler.batch_size(epoch * 11 + s));
      EXPECT_EQ(batch.size(), s == 10 ? 3U : 10U);
      all.insert(all.end(), batch.begin(), batch.end());
    }
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<std::int64_t>(i));
    EXPECT_EQ(sampler.epoch_of(epoch * 11 + 10), epoch);
  }
}

TEST(Sampler, sequential_order_counts_up_and_a_large_batch_takes_all) {
  const Sampler sampler{.seed = 2, .size = 5, .batch = 64, .order = SampleOrder::sequential};
  EXPECT_EQ(sampler.steps_per_epoch(), 1);
  EXPECT_EQ(sampler.batch_at(3), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

class Streams : public testing::TestWithParam<std::pair<std::int64_t, std::int64_t>> {};

TEST_P(Streams, give_every_sample_once_and_go_on_where_each_lane_was) {
  const auto [size, batch] = GetParam();
  const Sampler sampler{.size = size, .batch = batch, .order = SampleOrder::streams};
  for (const std::int64_t epoch : {0, 3}) {
    std::vector<std::vector<std::int64_t>> lanes(static_cast<std::size_t>(std::min(size, batch)));
    for (std::int64_t s = 0; s < sampler.steps_per_epoch(); ++s) {
      const std::int64_t step = epoch * sampler.steps_per_epoch() + s;
      EXPECT_EQ(sampler.begins_lanes(step), s == 0);
      const auto samples = sampler.batch_at(step);
      ASSERT_EQ(static_cast<std::int64_t>(samples.size()), sampler.batch_size(step));
      ASSERT_LE(samples.size(), lanes.size());
      for (std::size_t lane = 0; lane < samples.size(); ++lane) {
        ASSERT_EQ(static_cast<std::int64_t>(lanes[lane].size()), s) << "a lane has no gap";
        lanes[lane].push_back(samples[lane]);
      }
    }
    // Lane after lane they are all samples in order, so each comes once and has its neighbours.
    std::int64_t next = 0;
    for (const auto& lane : lanes) {
      for (const std::int64_t sample : lane) ASSERT_EQ(sample, next++);
      const auto usual = static_cast<std::size_t>(size / batch);
      EXPECT_EQ(lane.size(), usual + (&lane - lanes.data() < size % batch ? 1U : 0U));
    }
    EXPECT_EQ(next, size);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Streams,
                         testing::Values(std::pair{1, 1}, std::pair{1, 5}, std::pair{7, 7},
                                         std::pair{7, 8}, std::pair{8, 7}, std::pair{20, 5},
                                         std::pair{23, 5}, std::pair{24, 5}, std::pair{103, 1},
                                         std::pair{1009, 64}));

TEST(Sampler, a_step_needs_no_step_before_it) {
  const Sampler sampler{.seed = 8, .size = 1000, .batch = 32};
  const auto direct = sampler.batch_at(77);
  std::vector<std::int64_t> walked;
  for (std::int64_t s = 0; s <= 77; ++s) sampler.batch_at(s, walked);
  EXPECT_EQ(walked, direct);
}

}  // namespace
}  // namespace raven
