#include "cluster/history.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "raven/core/error.hpp"

namespace raven {
namespace {

TEST(History, what_is_no_finite_number_comes_back) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<EpochResult> history{
      {.epoch = 1,
       .step = 7,
       .train = {.samples = 9, .loss = 0.1, .metrics = {{"accuracy", 0.7}}},
       .valid = PassResult{.samples = 3,
                           .loss = std::numeric_limits<double>::quiet_NaN(),
                           .metrics = {{"mse", infinity}, {"mae", -infinity}}}}};
  const std::vector<EpochResult> back = history_from_json(history_to_json(history), 5);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].step, 7);
  EXPECT_EQ(back[0].train.loss, 0.1);
  EXPECT_EQ(back[0].train.metrics, history[0].train.metrics);
  ASSERT_TRUE(back[0].valid);
  EXPECT_TRUE(std::isnan(back[0].valid->loss));
  EXPECT_EQ(back[0].valid->metrics, history[0].valid->metrics);
}

TEST(History, epochs_written_without_their_steps_were_whole) {
  const char* text = R"([{"epoch":3,"train":{"samples":9,"loss":0.5}}])";
  EXPECT_EQ(history_from_json(text, 5).at(0).step, 15);
}

TEST(History, what_is_no_history_is_told) {
  for (const char* text : {"", "[{}]", R"([{"epoch":1,"train":{"loss":"much"}}])", "7"}) {
    EXPECT_THROW((void)history_from_json(text, 5), InputError) << text;
  }
}

}  // namespace
}  // namespace raven
