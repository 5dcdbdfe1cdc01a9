#include "raven/cluster/metrics.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using Sums = std::vector<std::pair<std::string, double>>;

struct Told {
  const char* what;
  Sums sums;
  std::int64_t samples;
  Sums told;  ///< worked out by hand
};

const Told told_of[] = {
    {"nothing", {}, 10, {}},
    {"a metric of samples is a mean over them", {{"accuracy", 6}}, 8, {{"accuracy", 0.75}}},
    {"a metric of tokens is a mean over theirs",
     {{"accuracy", 30}, {"accuracy/rows", 40}},
     8,
     {{"accuracy", 0.75}}},
    {"each metric by its own rows",
     {{"accuracy/rows", 4}, {"accuracy", 3}, {"error", 4}},
     8,
     {{"accuracy", 0.75}, {"error", 0.5}}},
    {"no rows are no accuracy", {{"accuracy", 0}, {"accuracy/rows", 0}}, 8, {{"accuracy", 0}}},
    {"no samples are no accuracy", {{"accuracy", 0}}, 0, {{"accuracy", 0}}},
    // Precision 6 / 8, recall 6 / 16: F1 = 2 * (3/4 * 3/8) / (3/4 + 3/8) = 1/2.
    {"hits, told and true make F1",
     {{"f1/hits", 6}, {"f1/told", 8}, {"f1/true", 16}},
     100,
     {{"f1", 0.5}}},
    {"all found and nothing else is 1",
     {{"f1/hits", 5}, {"f1/told", 5}, {"f1/true", 5}},
     100,
     {{"f1", 1}}},
    {"nothing told where nothing is there is 0",
     {{"f1/hits", 0}, {"f1/told", 0}, {"f1/true", 0}},
     100,
     {{"f1", 0}}},
    {"two measures do not mix",
     {{"names/hits", 1},
      {"places/hits", 2},
      {"places/told", 2},
      {"names/told", 2},
      {"places/true", 2},
      {"names/true", 2}},
     100,
     {{"names", 0.5}, {"places", 1}}},
};

TEST(ToldMetrics, are_those_of_the_table) {
  for (const Told& row : told_of)
    EXPECT_EQ(told_metrics(row.sums, row.samples), row.told) << row.what;
}

}  // namespace
}  // namespace raven
