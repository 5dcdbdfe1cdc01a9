#include "raven/cluster/metrics.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using Told = std::vector<std::pair<std::string, double>>;

TEST(Metrics, are_means_over_samples_or_over_the_rows_that_they_count) {
  EXPECT_EQ(told_metrics({{"a", 6}, {"b", 6}, {"b/rows", 8}}, 4), (Told{{"a", 1.5}, {"b", 0.75}}));
}

TEST(Metrics, make_f1_of_hits_and_what_was_told_and_true) {
  // Precision 3 of 4, recall 3 of 6: 2 * 0.75 * 0.5 / 1.25.
  const Told told = told_metrics({{"f1/hits", 3}, {"f1/told", 4}, {"f1/true", 6}}, 100);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].first, "f1");
  EXPECT_NEAR(told[0].second, 0.6, 1e-12);
}

TEST(Metrics, are_zero_where_nothing_counts) {
  EXPECT_EQ(told_metrics({{"a", 0}, {"a/rows", 0}, {"f1/hits", 0}, {"f1/told", 0}, {"f1/true", 0}}, 0),
            (Told{{"a", 0}, {"f1", 0}}));
}

}  // namespace
}  // namespace raven
