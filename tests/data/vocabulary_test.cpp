#include "raven/data/vocabulary.hpp"

#include <gtest/gtest.h>

#include "data/temporary_folder.hpp"

namespace raven {
namespace {

using Tokens = std::vector<std::int32_t>;
using Texts = std::vector<std::string>;

TEST(Vocabulary, characters_are_code_points_in_their_order) {
  const auto learnt = Vocabulary::learn(TokenUnit::character,
                                        "b\xC3\xA4"
                                        "a\nb",
                                        100);
  EXPECT_EQ(learnt.texts(), (Texts{"\n", "a", "b", "\xC3\xA4"}));
  EXPECT_EQ(learnt.encode("ab\xC3\xA4"), (Tokens{1, 2, 3}));
  EXPECT_EQ(learnt.decode(Tokens{3, 0, 1}), "\xC3\xA4\na");
}

TEST(Vocabulary, a_character_that_is_not_there_is_a_mistake) {
  const auto learnt = Vocabulary::learn(TokenUnit::character, "abc", 100);
  EXPECT_NE(complaint([&] { (void)learnt.encode("abd"); }).find("'d'"), std::string::npos);
}

TEST(Vocabulary, text_that_is_not_utf8_is_refused_at_its_byte) {
  // A lone continuation, overlong forms, a surrogate, beyond the last code point, cut short.
  for (const std::string bad : {"ab\x80", "ab\xC0\xAF", "ab\xE0\x80\x80", "ab\xED\xA0\x80",
                                "ab\xF4\x90\x80\x80", "ab\xE2\x82"}) {
    const std::string said =
        complaint([&] { (void)Vocabulary::learn(TokenUnit::character, bad, 100); });
    EXPECT_NE(said.find("at byte 2"), std::string::npos) << said;
  }
}

TEST(Vocabulary, words_come_by_how_often_they_stand_and_the_rest_is_unknown) {
  const auto learnt = Vocabulary::learn(TokenUnit::word, "the cat, the dog don't; the cat\n", 4);
  EXPECT_EQ(learnt.texts(), (Texts{"<unk>", "the", "cat", "\n"}));
  EXPECT_EQ(learnt.encode("the mouse\n"), (Tokens{1, 0, 3}));
  const auto all = Vocabulary::learn(TokenUnit::word, "don't 'say' that.", 100);
  EXPECT_EQ(all.size(), 6);  // <unk> and don't ' say that .
  EXPECT_EQ(all.decode(all.encode("don't  say\tthat.")), "don't say that.");
}

TEST(Vocabulary, byte_pairs_merge_the_most_frequent_first) {
  // "low" three times, "lower" once: l o -> 256, (lo) w -> 257.
  const auto learnt = Vocabulary::learn(TokenUnit::byte_pair, "low\nlow\nlow\nlower", 258);
  EXPECT_EQ(learnt.merges(), (std::vector<Vocabulary::Merge>{{'l', 'o'}, {256, 'w'}}));
  EXPECT_EQ(learnt.encode("lowlo"), (Tokens{257, 256}));
  EXPECT_EQ(learnt.texts()[257], "low");
}

TEST(Vocabulary, byte_pairs_give_any_bytes_back) {
  std::string text = "some text, some more text  and\n\nmore: \xFF\x80";
  for (int i = 0; i < 256; ++i) text += static_cast<char>(i);
  const auto learnt = Vocabulary::learn(TokenUnit::byte_pair, text, 280);
  EXPECT_EQ(learnt.decode(learnt.encode(text)), text);
}

TEST(Vocabulary, hostile_lists_are_refused) {
  EXPECT_NE(complaint([] { (void)Vocabulary::of_texts(TokenUnit::word, {"a", "a"}); }), "");
  EXPECT_NE(complaint([] { (void)Vocabulary::of_texts(TokenUnit::word, {"a", ""}); }), "");
  EXPECT_NE(complaint([] { (void)Vocabulary::of_texts(TokenUnit::word, {}); }), "");
  EXPECT_NE(complaint([] { (void)Vocabulary::of_merges({{256, 1}}); }), "");
  EXPECT_NE(complaint([] { (void)Vocabulary::of_merges({{-1, 1}}); }), "");
  EXPECT_NE(complaint([] { (void)Vocabulary::of_merges({{1, 2}, {1, 2}}); }), "");
  // Each doubles the one before: thirty merges would stand for a gigabyte.
  std::vector<Vocabulary::Merge> doubling{{97, 97}};
  for (std::int32_t i = 256; i < 285; ++i) doubling.push_back({i, i});
  EXPECT_NE(complaint([&] { (void)Vocabulary::of_merges(doubling); }).find("64 KiB"),
            std::string::npos);
  // Many long ones beside each other.
  doubling.resize(16);
  for (std::int32_t i = 0; i < 2000; ++i) doubling.push_back({270, i % 256});
  EXPECT_NE(complaint([&] { (void)Vocabulary::of_merges(doubling); }), "");
}

}  // namespace
}  // namespace raven
