#include "raven/data/length_groups.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace raven {
namespace {

/// Lengths that repeat and have nothing to do with the numbers' order.
std::int64_t length_of(std::int64_t sample) { return sample * 7919 % 23; }

struct Epoch {
  std::vector<std::vector<std::int64_t>> batches;

  Epoch(const Sampler& sampler, std::int64_t span, std::int64_t number) {
    LengthGroups groups(sampler, span, length_of);
    for (std::int64_t i = 0; i < sampler.steps_per_epoch(); ++i) {
      groups.batch_at(number * sampler.steps_per_epoch() + i, batches.emplace_back());
    }
  }
  [[nodiscard]] std::vector<std::int64_t> all() const {
    std::vector<std::int64_t> samples;
    for (const auto& batch : batches) samples.insert(samples.end(), batch.begin(), batch.end());
    return samples;
  }
};

/// Size, batch and batches of a span: some divide evenly, some leave a last batch or span that is
/// not whole.
using Sizes = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

class LengthGroupsOf : public testing::TestWithParam<Sizes> {
 protected:
  [[nodiscard]] static Sampler sampler(std::uint64_t seed = 9) {
    return {.seed = seed, .size = std::get<0>(GetParam()), .batch = std::get<1>(GetParam())};
  }
  [[nodiscard]] static std::int64_t span() { return std::get<2>(GetParam()); }
};

TEST_P(LengthGroupsOf, have_every_sample_exactly_once_an_epoch) {
  for (std::int64_t number = 0; number < 3; ++number) {
    std::vector<std::int64_t> samples = Epoch(sampler(), span(), number).all();
    std::sort(samples.begin(), samples.end());
    ASSERT_EQ(std::ssize(samples), sampler().size);
    for (std::int64_t i = 0; i < sampler().size; ++i) {
      ASSERT_EQ(samples[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST_P(LengthGroupsOf, have_batches_as_large_as_without_grouping) {
  const Epoch epoch(sampler(), span(), 1);
  for (std::int64_t i = 0; i < sampler().steps_per_epoch(); ++i) {
    EXPECT_EQ(std::ssize(epoch.batches[static_cast<std::size_t>(i)]), sampler().batch_size(i)) << i;
  }
}

TEST_P(LengthGroupsOf, have_the_spans_that_the_shuffled_order_has) {
  const Epoch epoch(sampler(), span(), 2);
  const std::int64_t steps = sampler().steps_per_epoch();
  for (std::int64_t first = 0; first < steps; first += span()) {
    std::multiset<std::int64_t> grouped;
    std::multiset<std::int64_t> shuffled;
    for (std::int64_t i = first; i < std::min(first + span(), steps); ++i) {
      const auto& batch = epoch.batches[static_cast<std::size_t>(i)];
      grouped.insert(batch.begin(), batch.end());
      const auto before = sampler().batch_at(2 * steps + i);
      shuffled.insert(before.begin(), before.end());
    }
    EXPECT_EQ(grouped, shuffled) << first;
  }
}

TEST_P(LengthGroupsOf, put_no_batch_of_a_span_among_the_lengths_of_another) {
  const Epoch epoch(sampler(), span(), 0);
  const std::int64_t steps = sampler().steps_per_epoch();
  for (std::int64_t first = 0; first < steps; first += span()) {
    std::vector<std::pair<std::int64_t, std::int64_t>> ranges;  // shortest, longest
    for (std::int64_t i = first; i < std::min(first + span(), steps); ++i) {
      const auto& batch = epoch.batches[static_cast<std::size_t>(i)];
      EXPECT_TRUE(std::is_sorted(batch.begin(), batch.end(),
                                 [](auto a, auto b) { return length_of(a) < length_of(b); }));
      // A batch that is not whole may lie in the middle of another's lengths.
      if (std::ssize(batch) < sampler().batch) continue;
      ranges.emplace_back(length_of(batch.front()), length_of(batch.back()));
    }
    std::sort(ranges.begin(), ranges.end());
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      EXPECT_LE(ranges[i - 1].second, ranges[i].first);
    }
  }
}

TEST_P(LengthGroupsOf, are_found_without_those_before) {
  const Epoch epoch(sampler(), span(), 1);
  const std::int64_t steps = sampler().steps_per_epoch();
  std::vector<std::int64_t> batch;
  for (std::int64_t i = steps; i-- > 0;) {
    LengthGroups fresh(sampler(), span(), length_of);
    fresh.batch_at(steps + i, batch);
    EXPECT_EQ(batch, epoch.batches[static_cast<std::size_t>(i)]) << i;
  }
  // Back and forth, too.
  LengthGroups groups(sampler(), span(), length_of);
  for (const std::int64_t i : {steps - 1, std::int64_t{0}, steps / 2, steps - 1}) {
    groups.batch_at(steps + i, batch);
    EXPECT_EQ(batch, epoch.batches[static_cast<std::size_t>(i)]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, LengthGroupsOf,
                         testing::Values(Sizes{1, 1, 1}, Sizes{5, 8, 3}, Sizes{64, 8, 4},
                                         Sizes{64, 8, 3}, Sizes{67, 8, 4}, Sizes{67, 8, 100},
                                         Sizes{129, 16, 8}, Sizes{250, 7, 1}));

TEST(LengthGroups, of_other_seeds_and_epochs_differ) {
  const Sampler sampler{.seed = 1, .size = 200, .batch = 10};
  const Sampler other{.seed = 2, .size = 200, .batch = 10};
  EXPECT_EQ(Epoch(sampler, 5, 0).batches, Epoch(sampler, 5, 0).batches);
  EXPECT_NE(Epoch(sampler, 5, 0).batches, Epoch(sampler, 5, 1).batches);
  EXPECT_NE(Epoch(sampler, 5, 0).batches, Epoch(other, 5, 0).batches);
}

// The whole epoch is one span of 20 batches: chi-squared over where the batch of the shortest
// stands; 19 degrees of freedom, whose 99.99 % quantile is 51.
TEST(LengthGroups, come_in_any_order_of_lengths) {
  const Sampler sampler{.seed = 4, .size = 100, .batch = 5};
  LengthGroups groups(sampler, 20, [](std::int64_t sample) { return sample; });
  std::map<std::int64_t, int> seen;
  constexpr int epochs = 2000;
  std::vector<std::int64_t> batch;
  for (std::int64_t step = 0; step < epochs * 20; ++step) {
    groups.batch_at(step, batch);
    if (batch.front() == 0) ++seen[step % 20];
  }
  double statistic = 0;
  for (std::int64_t place = 0; place < 20; ++place) {
    const double more = seen[place] - epochs / 20.0;
    statistic += more * more / (epochs / 20.0);
  }
  EXPECT_LT(statistic, 51);
}

// 21 samples in batches of 5: the last one, of a single sample, is the shortest of each fifth.
TEST(LengthGroups, have_samples_of_all_lengths_in_last_batches) {
  const Sampler sampler{.seed = 4, .size = 21, .batch = 5};
  LengthGroups groups(sampler, 5, [](std::int64_t sample) { return sample; });
  std::set<std::int64_t> last;
  std::vector<std::int64_t> batch;
  for (std::int64_t epoch = 0; epoch < 100; ++epoch) {
    groups.batch_at(5 * epoch + 4, batch);
    ASSERT_EQ(batch.size(), 1U);
    last.insert(batch[0]);
  }
  EXPECT_EQ(last, (std::set<std::int64_t>{0, 5, 10, 15, 20}));
}

}  // namespace
}  // namespace raven
