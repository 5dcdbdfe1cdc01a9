#include "cli/terminal_text.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using namespace std::string_literals;

TEST(TerminalText, plain_text_of_any_script_stays_as_it_is) {
  for (const std::string text :
       {"", "loss 0.5, accuracy 1\n\ttab", "h\u00e9, \u017fe, \u4e2d\u6587, \U0001f426"}) {
    EXPECT_EQ(terminal_text(text), text);
  }
}

TEST(TerminalText, nothing_that_a_terminal_obeys_is_left) {
  EXPECT_EQ(terminal_text("\x1b]0;owned\x07\x1b[2J"), "\\x1b]0;owned\\x07\\x1b[2J");
  EXPECT_EQ(terminal_text("a\rb\b\x7f\0c"s), "a\\x0db\\x08\\x7f\\x00c");
  EXPECT_EQ(terminal_text("\xc2\x9b"
                          "31m"),
            "\\xc2\\x9b31m")
      << "C1 in UTF-8";
  EXPECT_EQ(terminal_text("\x9b"
                          "31m"),
            "\\x9b31m")
      << "C1 as one byte";
  EXPECT_EQ(terminal_text("\xc2\xa0"), "\xc2\xa0") << "the first that is none";
}

TEST(TerminalText, what_is_no_utf8_is_written_out) {
  EXPECT_EQ(terminal_text("\xff\xe4\xb8"), "\\xff\\xe4\\xb8");
  EXPECT_EQ(terminal_text("\xc0\x9b"), "\\xc0\\x9b") << "ESC in more bytes than it takes";
  EXPECT_EQ(terminal_text("\xc3(\n"), "\\xc3(\n");
}

TEST(TerminalText, a_line_stays_one_line) {
  EXPECT_EQ(terminal_line("node\nraven: all is well\t!"), "node\\x0araven: all is well\\x09!");
}

}  // namespace
}  // namespace raven
