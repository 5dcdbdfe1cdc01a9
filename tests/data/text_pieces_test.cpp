#include "data/text_pieces.hpp"

#include <gtest/gtest.h>

#include "data/byte_strings.hpp"
#include "data/temporary_folder.hpp"
#include "data/unicode_classes.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"

namespace raven {
namespace {

using Pieces = std::vector<std::string_view>;

TEST(Words, quotes_and_dashes_are_no_letters) {
  // “Où?” — l’été, 3½ km… «non»
  EXPECT_EQ(
      words_of(
          "\u201cO\u00f9?\u201d \u2014 l\u2019\u00e9t\u00e9, 3\u00bd km\u2026 \u00abnon\u00bb"),
      (Pieces{"\u201c", "O\u00f9", "?", "\u201d", "\u2014", "l\u2019\u00e9t\u00e9", ",", "3\u00bd",
              "km", "\u2026", "\u00ab", "non", "\u00bb"}));
  EXPECT_EQ(words_of("well\u2013known\u2010to"),
            (Pieces{"well", "\u2013", "known", "\u2010", "to"}));
  EXPECT_EQ(words_of("\u2018so\u2019 the dogs\u2019"),
            (Pieces{"\u2018", "so", "\u2019", "the", "dogs", "\u2019"}));
}

TEST(Words, of_ascii_are_what_they_were) {
  EXPECT_EQ(words_of("don't 'say' a_b x2y 3.5\tend-\n\nrock'n'roll '' 4'5 o' "),
            (Pieces{"don't", "'",  "say", "'",           "a", "_", "b", "x2y", "3", ".", "5", "end",
                    "-",     "\n", "\n",  "rock'n'roll", "'", "'", "4", "'",   "5", "o", "'"}));
}

TEST(Words, signs_belong_to_their_letter) {
  // e and a combining acute accent; Hindi with vowel signs; Persian with a joiner of no width; a
  // soft hyphen.
  EXPECT_EQ(words_of("caf\u0065\u0301s"), (Pieces{"caf\u0065\u0301s"}));
  EXPECT_EQ(words_of("\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e"),
            (Pieces{"\u0939\u093f\u0928\u094d\u0926\u0940", "\u092d\u093e\u0937\u093e"}));
  EXPECT_EQ(words_of("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
            (Pieces{"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"}));
  EXPECT_EQ(words_of("co\u00adoperate"), (Pieces{"co\u00adoperate"}));
  EXPECT_EQ(words_of("!\u0301 \u0301a"), (Pieces{"!\u0301", "\u0301a"}));
  EXPECT_EQ(words_of("\n\u0301"), (Pieces{"\n", "\u0301"}));
}

TEST(Words, white_space_of_any_kind_parts_them) {
  EXPECT_EQ(words_of("a\u00a0b\u2003c\u3000d\u200be\u2028f\u0085g"),
            (Pieces{"a", "b", "c", "d", "e", "f", "g"}));
}

TEST(Words, digits_of_all_scripts_and_emoji) {
  EXPECT_EQ(words_of("\u0663\u0664 \u2167 x\u00b2"), (Pieces{"\u0663\u0664", "\u2167", "x\u00b2"}));
  // A family of three, joined; a heart with a variation selector; two birds.
  EXPECT_EQ(words_of("\U0001F468\u200d\U0001F469\u200d\U0001F467\u2764\ufe0f\U0001F426\U0001F426"),
            (Pieces{"\U0001F468\u200d\U0001F469\u200d\U0001F467", "\u2764\ufe0f", "\U0001F426",
                    "\U0001F426"}));
}

TEST(Words, byte_pairs_merge_within_the_same_classes) {
  EXPECT_EQ(chunks_of("say \u201cyes\u201d \u2014 l\u2019\u00e9t\u00e9  12"),
            (Pieces{"say", " \u201c", "yes", "\u201d", " \u2014", " l", "\u2019", "\u00e9t\u00e9",
                    " ", " 12"}));
  EXPECT_EQ(chunks_of("e\u0301a\u00a0b"), (Pieces{"e\u0301a", "\u00a0", "b"}));
  // Bytes that are no characters count as letters; a piece has 64 bytes at most and whole
  // characters.
  EXPECT_EQ(chunks_of("a\xFF\x80 b"), (Pieces{"a\xFF\x80", " b"}));
  std::string long_word;
  for (int i = 0; i < 50; ++i) long_word += "\u20ac\u0301";
  std::string joined;
  for (const std::string_view piece : chunks_of(long_word)) {
    EXPECT_LE(piece.size(), 64U);
    EXPECT_NO_THROW(check_characters(piece));
    joined += piece;
  }
  EXPECT_EQ(joined, long_word);
}

TEST(UnicodeClasses, are_those_of_the_categories) {
  struct Case {
    char32_t code;
    CharacterClass kind;
  };
  for (const auto& [code, kind] :
       {Case{0, CharacterClass::mark}, Case{U'\t', CharacterClass::blank},
        Case{U'_', CharacterClass::mark}, Case{U'z', CharacterClass::letter},
        Case{0xAA, CharacterClass::letter}, Case{0xD7, CharacterClass::mark},
        Case{0x2FF, CharacterClass::mark}, Case{0x300, CharacterClass::joined},
        Case{0x4E00, CharacterClass::letter}, Case{0x9FFF, CharacterClass::letter},
        Case{0xAC00, CharacterClass::letter}, Case{0xE000, CharacterClass::mark},
        Case{0xFEFF, CharacterClass::joined}, Case{0x1D7FF, CharacterClass::digit},
        Case{0x10FFFF, CharacterClass::mark}, Case{0xE01EF, CharacterClass::joined},
        Case{0xE01F0, CharacterClass::mark}}) {
    EXPECT_EQ(class_of_character(code), kind) << std::hex << static_cast<std::uint32_t>(code);
  }
}

TEST(PlainText, has_one_kind_of_line_end_and_no_byte_order_mark) {
  EXPECT_EQ(plain_text("\xEF\xBB\xBF"
                       "a\r\nb\rc\n\r\n\rd\r"),
            "a\nb\nc\n\n\nd\n");
  EXPECT_EQ(plain_text("a\xEF\xBB\xBF"), "a\xEF\xBB\xBF");
  EXPECT_EQ(plain_text("\r"), "\n");
  EXPECT_EQ(plain_text(""), "");
}

Manifest imported(const TemporaryFolder& folder, const std::string& text, TokenUnit unit) {
  return read_manifest(
      import_text(folder.put("t.txt", text), {.unit = unit, .vocabulary = 300, .context = 4},
                  {.folder = folder.path() / "out", .name = "t", .valid_fraction = 0})
          .train);
}

TEST(TextImport, line_ends_and_byte_order_marks_make_no_other_data) {
  for (const TokenUnit unit : {TokenUnit::character, TokenUnit::word, TokenUnit::byte_pair}) {
    const TemporaryFolder folder;
    const Digest plain = imported(folder, "ab ab\nab ab\n", unit).identity();
    EXPECT_EQ(imported(folder,
                       "\xEF\xBB\xBF"
                       "ab ab\r\nab ab\r\n",
                       unit)
                  .identity(),
              plain);
    EXPECT_EQ(imported(folder, "ab ab\rab ab\r", unit).identity(), plain);
  }
}

TEST(TextImport, what_is_no_utf8_is_refused_with_its_place_in_the_file) {
  const TemporaryFolder folder;
  const auto said = [&](const std::string& text, TokenUnit unit) {
    return complaint([&] { imported(folder, text, unit); });
  };
  for (const TokenUnit unit : {TokenUnit::character, TokenUnit::word}) {
    // The byte is counted in the file, not in what is left of it.
    EXPECT_NE(said("\xEF\xBB\xBF"
                   "a\r\nb\xFF",
                   unit)
                  .find("at byte 7 (line 2)"),
              std::string::npos);
    EXPECT_NE(said(std::string("a\0b\0", 4), unit).find("zero byte at byte 1 (line 1)"),
              std::string::npos);
  }
  for (const TokenUnit unit : {TokenUnit::character, TokenUnit::word, TokenUnit::byte_pair}) {
    EXPECT_NE(said(std::string("\xFF\xFE"
                               "a\0b\0",
                               6),
                   unit)
                  .find("UTF-16"),
              std::string::npos);
  }
  EXPECT_EQ(said("a\xFF\x80 a\xFF\x80", TokenUnit::byte_pair), "");
}

}  // namespace
}  // namespace raven
