#include "raven/nn/sample.hpp"

#include <gtest/gtest.h>

#include <map>

#include "nn/probe.hpp"
#include "raven/graph/ops/layout.hpp"

namespace raven {
namespace {

TEST(Sample, reports_metrics_together_with_how_many_numbers_they_are) {
  Tensor features({DType::f32, {4, 1}});
  std::ranges::copy(std::vector<float>{-1, 0, 0.5, 7}, features.values().begin());
  Probe probe;
  probe.put_at(slot_features, features);
  const SampleData data{.features = std::as_const(features).view(),
                        .targets = {},
                        .lengths = {},
                        .parents = {},
                        .nodes = {}};
  const Sample sample(probe.tape(), data);
  const Variable each = flatten(sample.features());
  sample.predict(each);
  sample.report("all", each);
  sample.report("last", slice(each, 0, 3, 1));
  probe.run_recorded(false);

  std::map<std::string, double> sums;
  for (const Metric& metric : probe.graph().metrics) sums[metric.name] = probe.sum(metric.value);
  EXPECT_EQ(sums, (std::map<std::string, double>{
                      {"all", 6.5}, {"all/rows", 4}, {"last", 7}, {"last/rows", 1}}));
}

}  // namespace
}  // namespace raven
