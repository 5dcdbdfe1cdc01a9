#include "raven/cluster/history.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

EpochResult epoch(std::int64_t number, double loss, std::optional<double> valid = std::nullopt) {
  EpochResult made{.epoch = number,
                   .step = static_cast<std::uint64_t>(number) * 13,
                   .train = {.samples = 600, .loss = loss, .metrics = {{"accuracy", 0.7}}}};
  if (valid) made.valid = PassResult{.samples = 100, .loss = *valid};
  return made;
}

void expect_same(const EpochResult& a, const EpochResult& b) {
  EXPECT_EQ(history_line(a), history_line(b));
}

History of(std::int64_t epochs) {
  History history;
  for (std::int64_t i = 1; i <= epochs; ++i) history.add(epoch(i, 1.0 / static_cast<double>(i)));
  return history;
}

TEST(History, what_is_no_finite_number_comes_back) {
  History history;
  history.add({.epoch = 1,
               .step = 4,
               .train = {.samples = 9, .loss = 0.1, .metrics = {{"accuracy", 0.7}}},
               .valid = PassResult{.samples = 3,
                                   .loss = std::nan(""),
                                   .metrics = {{"mse", infinity}, {"mae", -infinity}}}});
  const History back = History::from_json(history.to_json(), 4);
  ASSERT_EQ(back.kept().size(), 1U);
  EXPECT_EQ(back.last().step, 4U);
  EXPECT_EQ(back.last().train.loss, 0.1);
  EXPECT_EQ(back.last().train.metrics, history.last().train.metrics);
  ASSERT_TRUE(back.last().valid);
  EXPECT_TRUE(std::isnan(back.last().valid->loss));
  EXPECT_EQ(back.last().valid->metrics, history.last().valid->metrics);
  EXPECT_FALSE(back.best()) << "no loss in validation is a number";
}

TEST(History, a_short_run_keeps_all_epochs) {
  const History history = of(256);
  EXPECT_EQ(history.epochs(), 256);
  EXPECT_EQ(history.every(), 1);
  ASSERT_EQ(history.kept().size(), 256U);
  for (std::int64_t i = 0; i < 256; ++i) {
    EXPECT_EQ(history.kept()[static_cast<std::size_t>(i)].epoch, i + 1);
  }
}

TEST(History, a_long_run_takes_no_more_room_and_knows_first_best_and_last) {
  History history;
  for (std::int64_t i = 1; i <= 200000; ++i) history.add(epoch(i, 2.0, i == 77777 ? 0.25 : 0.5));
  EXPECT_EQ(history.epochs(), 200000);
  EXPECT_EQ(history.last().epoch, 200000);
  EXPECT_EQ(history.best()->epoch, 77777);
  // 200000 / 1024 = 195.3: the first power of two that leaves at most 256.
  EXPECT_EQ(history.every(), 1024);
  ASSERT_EQ(history.kept().size(), 196U);
  for (std::size_t i = 0; i < history.kept().size(); ++i) {
    EXPECT_EQ(history.kept()[i].epoch, static_cast<std::int64_t>(i) * 1024 + 1);
  }
  EXPECT_LT(history.to_json().size(), 40000U);
}

TEST(History, one_that_goes_on_from_its_text_is_the_same_as_one_that_never_ended) {
  for (const std::int64_t first : {0, 1, 255, 256, 257, 300, 513}) {
    History history = History::from_json(of(first).to_json(), 13);
    for (std::int64_t i = first + 1; i <= 700; ++i) {
      history.add(epoch(i, 1.0 / static_cast<double>(i)));
    }
    EXPECT_EQ(history.to_json(), of(700).to_json()) << first;
  }
}

TEST(History, the_best_is_the_first_with_the_lowest_loss) {
  History history;
  history.add(epoch(1, std::nan("")));
  EXPECT_FALSE(history.best());
  history.add(epoch(2, 0.5));
  history.add(epoch(3, 0.25));
  history.add(epoch(4, 0.25));
  history.add(epoch(5, std::nan("")));
  EXPECT_EQ(history.best()->epoch, 3);
}

TEST(History, the_list_of_an_older_checkpoint_is_read) {
  const std::string text =
      R"([{"epoch":1,"train":{"samples":600,"loss":1.5},"valid":{"samples":9,"loss":"nan"}},)"
      R"({"epoch":2,"train":{"samples":600,"loss":0.5,"accuracy":0.75}}])";
  std::vector<EpochResult> listed;
  const History history = History::from_json(text, 13, &listed);
  EXPECT_EQ(history.epochs(), 2);
  EXPECT_EQ(history.kept()[0].step, 13U) << "it did not say its step";
  EXPECT_EQ(history.last().step, 26U);
  EXPECT_EQ(history.last().train.metrics.at(0).second, 0.75);
  ASSERT_EQ(listed.size(), 2U);
  expect_same(listed[1], history.last());
  EXPECT_TRUE(History::from_json("[]", 13).empty());
}

TEST(History, what_is_no_history_is_told) {
  for (const char* text :
       {"", "7", "[7]", "[{}]", "{}", R"([{"epoch":1,"train":{"loss":"much"}}])",
        R"([{"epoch":2,"train":{"loss":1}}])", R"([{"epoch":1,"train":7}])",
        R"({"epochs":1,"every":1,"kept":[]})", R"({"epochs":-1,"every":1,"kept":[]})",
        R"({"epochs":0,"every":3,"kept":[]})", R"({"epochs":0,"every":0,"kept":[]})",
        R"({"epochs":5,"every":1,"kept":[],"last":{"epoch":4,"step":1,"train":{"loss":1}}})"}) {
    EXPECT_THROW((void)History::from_json(text, 13), InputError) << text;
  }
}

TEST(History, a_line_is_read_back_and_garbage_is_none) {
  const EpochResult made = epoch(3, 0.125, 0.5);
  expect_same(epoch_in(history_line(made)).value(), made);
  EXPECT_EQ(epoch_in(history_line(made))->step, 39U);
  for (const char* line : {"", "{", "{}", "[]", "7", R"({"epoch":0,"train":{"loss":1}})",
                           R"({"epoch":"x","train":{"loss":1}})"}) {
    EXPECT_FALSE(epoch_in(line)) << line;
  }
}

}  // namespace
}  // namespace raven
