#include "data/text_parts.hpp"

#include <gtest/gtest.h>

#include <random>

#include "data/allocation_count.hpp"
#include "data/temporary_folder.hpp"
#include "data/text_pieces.hpp"
#include "data/vocabulary_learner.hpp"

namespace raven {
namespace {

constexpr std::size_t most_memory = std::size_t{512} << 20;

/// Of all that a cut could part: blanks, line ends, accents, joined emoji, a byte order mark.
std::string made_text(std::uint64_t seed) {
  static constexpr const char* pieces[] = {"a",
                                           "word",
                                           " ",
                                           "  ",
                                           "\n",
                                           "\n\n",
                                           "\r\n",
                                           "\r",
                                           "7",
                                           "it's",
                                           ",",
                                           "...",
                                           "\xC3\xA9",
                                           "e\xCC\x81",
                                           "\xE6\x96\x87",
                                           "\xEF\xBB\xBF",
                                           "\t",
                                           "Z9",
                                           "\"",
                                           "-",
                                           "\xE2\x80\x99",
                                           "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"};
  std::mt19937_64 random(seed);
  std::string text;
  for (int i = 0; i < 400; ++i) text += pieces[random() % std::size(pieces)];
  return text;
}

std::vector<std::string> pieces_of(TokenUnit unit, const std::string& text) {
  const auto pieces = unit == TokenUnit::character ? characters_of(text)
                      : unit == TokenUnit::word    ? words_of(text)
                                                   : chunks_of(text);
  return {pieces.begin(), pieces.end()};
}

class TextPartsOf : public testing::TestWithParam<std::pair<TokenUnit, TextParts::Cut>> {};

TEST_P(TextPartsOf, have_the_pieces_of_the_whole) {
  const TemporaryFolder folder;
  const auto [unit, cut] = GetParam();
  std::size_t parts_seen = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string text = made_text(seed);
    const InputFile input(folder.put("a.txt", text));
    TextParts parts(input, unit, cut, 24, 4096);
    std::string whole;
    std::vector<std::string> pieces;
    for (std::string part; parts.next(part); ++parts_seen) {
      whole += part;
      for (std::string& piece : pieces_of(unit, part)) pieces.push_back(std::move(piece));
      if (cut == TextParts::Cut::between_lines && whole.size() < plain_text(text).size()) {
        EXPECT_EQ(whole.back(), '\n') << seed;
      }
    }
    EXPECT_EQ(whole, plain_text(text)) << seed;
    EXPECT_EQ(pieces, pieces_of(unit, plain_text(text))) << seed;
  }
  EXPECT_GT(parts_seen, 2U * 300);
}

INSTANTIATE_TEST_SUITE_P(
    All, TextPartsOf,
    testing::Values(std::pair(TokenUnit::character, TextParts::Cut::between_characters),
                    std::pair(TokenUnit::word, TextParts::Cut::between_words),
                    std::pair(TokenUnit::byte_pair, TextParts::Cut::between_words),
                    std::pair(TokenUnit::word, TextParts::Cut::between_lines),
                    std::pair(TokenUnit::byte_pair, TextParts::Cut::between_lines)));

TEST(TextParts, what_can_not_be_cut_is_refused_and_places_are_those_of_the_file) {
  const TemporaryFolder folder;
  const auto said = [&](const std::string& text, TokenUnit unit, TextParts::Cut cut) {
    const InputFile input(folder.put("a.txt", text));
    return complaint([&] {
      TextParts parts(input, unit, cut, 8, 32);
      for (std::string part; parts.next(part);) {
      }
    });
  };
  EXPECT_NE(said(std::string(100, 'x'), TokenUnit::word, TextParts::Cut::between_words)
                .find("without a line's end or a space"),
            std::string::npos);
  EXPECT_EQ(said(std::string(100, 'x'), TokenUnit::character, TextParts::Cut::between_characters),
            "");
  // The 30th byte, in the third line, several parts behind the first.
  const std::string broken = said("123456789\n123456789\n123456789\xFF", TokenUnit::character,
                                  TextParts::Cut::between_characters);
  EXPECT_NE(broken.find("byte 29 (line 3)"), std::string::npos) << broken;
}

TEST(TextParts, a_long_text_takes_bounded_memory) {
  const TemporaryFolder folder;
  std::string line = "so it goes on and on, and nobody knows for how long it will\n";
  std::string text;
  while (text.size() < std::size_t{27} << 20) text += line;
  const auto file = folder.put("a.txt", text);
  text = {};
  watch_allocations();
  const ImportReport report =
      import_text(file, {}, {.folder = folder / "data", .valid_fraction = 0});
  // Each character once as the pieces, the tokens and the text took 21 bytes.
  EXPECT_LT(most_allocated(), most_memory);
  // ceil((n - 1) / 64) windows of n tokens.
  const auto tokens = static_cast<std::int64_t>(std::filesystem::file_size(file));
  EXPECT_EQ(report.train_rows, (tokens - 2) / 64 + 1);
}

TEST(VocabularyLearner, words_without_end_are_refused_within_512_mib) {
  watch_allocations();
  const std::string said = complaint([&] {
    VocabularyLearner learner(TokenUnit::word, 1000);
    for (std::int64_t word = 0; word < 8'000'000;) {
      std::string part;
      for (int i = 0; i < 10'000; ++i) part += "w" + std::to_string(word++) + " ";
      learner.add(part);
    }
  });
  EXPECT_NE(said.find("different words, more than are kept"), std::string::npos) << said;
  EXPECT_LT(most_allocated(), most_memory);
}

TEST(VocabularyLearner, learns_from_parts_what_it_learns_from_the_whole) {
  const std::string text = "the cat and the dog and the cat again\nand the end\n";
  for (const TokenUnit unit : {TokenUnit::character, TokenUnit::word, TokenUnit::byte_pair}) {
    VocabularyLearner learner(unit, 300);
    learner.add(text.substr(0, 38));
    learner.add(text.substr(38));
    const Vocabulary parts = learner.learnt();
    const Vocabulary whole = Vocabulary::learn(unit, text, 300);
    EXPECT_EQ(parts.texts(), whole.texts());
    EXPECT_EQ(parts.merges(), whole.merges());
  }
}

}  // namespace
}  // namespace raven
