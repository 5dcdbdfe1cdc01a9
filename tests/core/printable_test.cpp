#include "raven/core/printable.hpp"

#include <gtest/gtest.h>

#include "raven/core/utf8.hpp"

namespace raven {
namespace {

TEST(Printable, leaves_what_no_terminal_obeys) {
  for (const std::string text :
       {"", "plain\twords\nand lines\n", "\xC3\x96l \xE2\x82\xAC \xF0\x9F\x90\xA6",
        "{\"a\": \"\\u001b\"}", "\xC2\xA0", "\xE2\x80\x8F"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, escapes_control_characters) {
  EXPECT_EQ(printable("\x1b[31mred"), "\\u001b[31mred");
  EXPECT_EQ(printable(std::string_view("\0\r\x7f\b", 4)), "\\u0000\\u000d\\u007f\\u0008");
  EXPECT_EQ(printable("\xC2\x80\xC2\x9B\xC2\x9F"), "\\u0080\\u009b\\u009f");
}

TEST(Printable, escapes_marks_that_turn_text_around_and_separators_of_lines) {
  EXPECT_EQ(printable("\xE2\x80\xAA\xE2\x80\xAE"), "\\u202a\\u202e");
  EXPECT_EQ(printable("\xE2\x81\xA6\xE2\x81\xA9"), "\\u2066\\u2069");
  EXPECT_EQ(printable("\xE2\x80\xA8\xE2\x80\xA9"), "\\u2028\\u2029");
}

TEST(Printable, escapes_bytes_that_are_no_utf8) {
  EXPECT_EQ(printable("a\x9b"
                      "31m"),
            "a\\x9b31m");                                   // CSI of terminals of eight bits
  EXPECT_EQ(printable("\xC3"), "\\xc3");                    // cut short
  EXPECT_EQ(printable("\xC0\x9B"), "\\xc0\\x9b");           // not the shortest form
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST(Printable, keeps_a_message_on_one_line) {
  EXPECT_EQ(printable("a\nb\tc", LineEnds::escape), "a\\u000ab\tc");
}

TEST(Utf8, lengths_and_code_points_are_those_of_rfc_3629) {
  struct Case {
    std::string_view bytes;
    char32_t code;
  };
  for (const auto& [bytes, code] :
       {Case{"$", 0x24}, Case{"\xC2\xA2", 0xA2}, Case{"\xE2\x82\xAC", 0x20AC},
        Case{"\xED\x9F\xBF", 0xD7FF}, Case{"\xEE\x80\x80", 0xE000},
        Case{"\xF0\x90\x8D\x88", 0x10348}, Case{"\xF4\x8F\xBF\xBF", 0x10FFFF}}) {
    EXPECT_EQ(utf8_length(bytes, 0), bytes.size());
    EXPECT_EQ(code_point(bytes, 0, bytes.size()), code);
  }
  EXPECT_EQ(first_not_utf8("a\xC3\xA4"
                           "b"),
            std::string_view::npos);
  EXPECT_EQ(first_not_utf8("a\xC3\xA4\xC3"), 3U);
}

TEST(Utf8, a_front_ends_with_a_whole_code_point) {
  const std::string_view text = "a\xC3\xA4\xF0\x9F\x90\xA6z";
  constexpr std::size_t ends[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
  for (std::size_t most = 0; most < 10; ++most) {
    EXPECT_EQ(utf8_front(text, most).size(), ends[most]) << most;
  }
  EXPECT_EQ(utf8_front("\x80\x80\x80\x80\x80\x80", 5).size(), 5U);
}

}  // namespace
}  // namespace raven
