#include "raven/job/job_keys.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

const std::string job = R"(
name: small
seed: 7
data: {train: a.yaml}
model:
  - conv2d: {channels: 16, kernel: [3, 3]}
  - flatten
  - linear: {features: 10}
loss: cross_entropy
optimizer: {adam: {rate: 1.0e-3}}
train: {epochs: 3, batch: 48}
checkpoint: {every: 30 s}
)";

std::string difference(const JobText& before, const JobText& now) {
  std::string told;
  for (const JobDifference& one : job_differences(before, now)) {
    told += one.key + ": " + one.before + " -> " + one.now + "\n";
  }
  return told;
}

TEST(JobKeys, equal_jobs_do_not_differ_however_they_are_written) {
  EXPECT_EQ(difference({job, {}}, {job, {}}), "");
  EXPECT_EQ(difference({job, {}}, {job, {"optimizer.adam.rate=0.001", "seed=7"}}), "");
  EXPECT_EQ(difference({job, {}}, {job,
                                   {"name=other", "data.train=b.yaml", "threads=3",
                                    "checkpoint.keep=9", "contributors.min=2"}}),
            "");
}

TEST(JobKeys, each_key_that_differs_is_told_with_both_values) {
  EXPECT_EQ(difference({job, {}}, {job, {"seed=8"}}), "seed: 7 -> 8\n");
  EXPECT_EQ(difference({job, {"train.batch=32"}}, {job, {}}), "train.batch: 32 -> 48\n");
  EXPECT_EQ(difference({job, {}}, {job, {"model.2.linear.bias=false"}}),
            "model.2.linear.bias: not given -> false\n");
  EXPECT_EQ(difference({job, {"model.0.conv2d.kernel.1=5"}}, {job, {"optimizer.adam.rate=0.01"}}),
            "model.0.conv2d.kernel.1: 5 -> 3\noptimizer.adam.rate: 1.0e-3 -> 0.01\n");
  EXPECT_EQ(difference({job, {"train.max_steps=9"}}, {job, {}}),
            "train.max_steps: 9 -> not given\n");
}

TEST(JobKeys, what_is_no_job_has_no_keys) {
  EXPECT_EQ(difference({"[", {}}, {"{", {}}), "");
  EXPECT_EQ(difference({"", {}}, {"seed: 1", {}}), "seed: not given -> 1\n");
}

}  // namespace
}  // namespace raven
