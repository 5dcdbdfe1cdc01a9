#include "raven/job/suggest.hpp"

#include <gtest/gtest.h>

#include <array>

namespace raven {
namespace {

constexpr std::array<std::string_view, 5> words{"batch", "epochs", "snippets", "steps", "shuffle"};

TEST(Suggest, distance_counts_edits_and_swaps) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("batch", ""), 5U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("bacth", "batch"), 1U) << "neighbours swapped";
  EXPECT_EQ(edit_distance("ca", "abc"), 3U)
      << "optimal string alignment, not the unrestricted distance";
  EXPECT_EQ(edit_distance("Batch", "bATCH"), 0U);
}

TEST(Suggest, distance_is_the_same_both_ways) {
  for (const std::string_view a : words) {
    for (const std::string_view b : words) EXPECT_EQ(edit_distance(a, b), edit_distance(b, a));
  }
}

TEST(Suggest, a_near_word_is_proposed_and_a_far_one_is_not) {
  EXPECT_EQ(did_you_mean("epoch", words), "did you mean 'epochs'?");
  EXPECT_EQ(did_you_mean("snipets", words), "did you mean 'snippets'?");
  EXPECT_EQ(did_you_mean("zebra", words), "known here: batch, epochs, snippets, steps, shuffle");
  EXPECT_EQ(nearest("x", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(100'000, 'b'), words), "") << "and at no cost";
}

TEST(Suggest, a_word_of_the_field_is_understood_where_ours_can_stand) {
  constexpr std::array<std::string_view, 3> layers{"linear", "conv2d", "max_pool2d"};
  EXPECT_EQ(nearest("Dense", layers), "linear");
  EXPECT_EQ(nearest("dense", words), "");
  EXPECT_EQ(nearest("pool", layers), "max_pool2d") << "a piece of only one";
  EXPECT_EQ(nearest("2d", layers), "") << "too short a piece";
}

}  // namespace
}  // namespace raven
