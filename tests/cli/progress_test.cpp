#include "cli/progress.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ProgressState training{
    .done = 1200, .total = 2820, .samples_per_second = 8123.4, .loss = 0.08124, .contributors = 3};

/// Catches what is written to a stream.
class Sink {
 public:
  Sink() : stream_(::open_memstream(&text_, &size_)) {}
  ~Sink() {
    std::fclose(stream_);
    std::free(text_);
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  [[nodiscard]] std::FILE* stream() const { return stream_; }
  [[nodiscard]] std::string text() const {
    std::fflush(stream_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

TEST(ProgressLine, tells_all_that_is_known) {
  EXPECT_EQ(live_line("digits", "step", training, 31.0, 122),
            "digits  42 % [############..................] 1 200/2 820 steps, 0:31 left, "
            "8 123 samples/s, loss 0.08124, 3 contributors");
  EXPECT_EQ(plain_line("digits", "step", training, 31.0),
            "digits: 1 200 of 2 820 steps (42 %), 0:31 left, 8 123 samples/s, loss 0.08124, 3 "
            "contributors");
}

TEST(ProgressLine, leaves_out_what_is_not_known) {
  EXPECT_EQ(live_line("importing", "row", {.done = 7}, std::nullopt, 80), "importing 7 rows");
  EXPECT_EQ(plain_line("importing", "row", {.done = 1, .fraction = 0.5}, std::nullopt),
            "importing: 1 row (50 %)");
}

TEST(ProgressLine, never_fills_the_last_column_however_narrow_the_window) {
  for (int columns = 1; columns < 200; ++columns) {
    EXPECT_LT(live_line("digits", "step", training, 31.0, columns).size(),
              static_cast<std::size_t>(std::max(columns, 2)));
  }
}

TEST(ProgressLine, done_is_never_told_too_early) {
  EXPECT_NE(live_line("x", "step", {.done = 999, .total = 1000}, std::nullopt, 80).find(" 99 %"),
            std::string::npos);
  EXPECT_NE(live_line("x", "step", {.done = 1000, .total = 1000}, std::nullopt, 80).find("100 %"),
            std::string::npos);
  EXPECT_EQ(fraction_of({.done = 12, .total = 10}), 1.0);
  EXPECT_EQ(fraction_of({.done = 12}), std::nullopt);
}

TEST(Progress, redraws_one_line_on_a_terminal_and_takes_it_away_at_the_end) {
  const Sink sink;
  const Progress::Clock::time_point start{};
  Progress progress({.stream = sink.stream(), .live = true, .columns = 60}, "work", "step");
  progress.update({.done = 1, .total = 10}, start);
  progress.update({.done = 2, .total = 10}, start + milliseconds(50));
  progress.update({.done = 3, .total = 10}, start + milliseconds(100));
  const std::string drawn = sink.text();
  EXPECT_NE(drawn.find("\rwork  10 %"), std::string::npos);
  EXPECT_EQ(drawn.find("20 %"), std::string::npos) << "too soon after the last drawing";
  EXPECT_NE(drawn.find("\rwork  30 %"), std::string::npos);
  EXPECT_EQ(drawn.find('\n'), std::string::npos);
  progress.finish();
  EXPECT_TRUE(sink.text().ends_with("\r\033[K"));
}

TEST(Progress, prints_plain_lines_seconds_apart_where_nobody_watches) {
  const Sink sink;
  const Progress::Clock::time_point start{};
  Progress progress({.stream = sink.stream()}, "work", "step");
  for (int second = 0; second <= 11; ++second) {
    progress.update({.done = second, .total = 20}, start + seconds(second));
  }
  progress.finish();
  EXPECT_EQ(sink.text(),
            "work: 5 of 20 steps (25 %), 0:15 left\nwork: 10 of 20 steps (50 %), 0:10 left\n");
}

TEST(Progress, short_work_prints_nothing_where_nobody_watches) {
  const Sink sink;
  const Progress::Clock::time_point start{};
  Progress progress({.stream = sink.stream()}, "work", "step");
  progress.update({.done = 1, .total = 2}, start);
  progress.update({.done = 2, .total = 2}, start + seconds(1));
  progress.finish();
  EXPECT_EQ(sink.text(), "");
}

TEST(Progress, a_note_stands_on_a_line_of_its_own_above_the_bar) {
  const Sink sink;
  Progress progress({.stream = sink.stream(), .live = true, .columns = 60}, "work", "step");
  progress.update({.done = 1, .total = 10}, Progress::Clock::time_point{});
  progress.note("epoch 1: loss 0.5");
  EXPECT_NE(sink.text().find("\r\033[Kepoch 1: loss 0.5\n\rwork  10 %"), std::string::npos)
      << sink.text();
}

TEST(Progress, no_half_drawn_line_stays_when_the_work_fails) {
  const Sink sink;
  {
    Progress progress({.stream = sink.stream(), .live = true, .columns = 60}, "work", "step");
    progress.update({.done = 1, .total = 10}, Progress::Clock::time_point{});
  }
  EXPECT_TRUE(sink.text().ends_with("\r\033[K"));
}

TEST(Progress, the_time_left_follows_the_pace_also_when_it_does_not_begin_at_zero) {
  const Sink sink;
  const Progress::Clock::time_point start{};
  Progress progress({.stream = sink.stream()}, "work", "step");
  progress.update({.done = 500, .total = 1000}, start);
  EXPECT_FALSE(progress.seconds_left()) << "resumed: nothing is known of the pace yet";
  for (int second = 1; second <= 10; ++second) {
    progress.update({.done = 500 + 10 * second, .total = 1000}, start + seconds(second));
  }
  EXPECT_NEAR(progress.seconds_left().value_or(0), 40.0, 1e-6);
}

}  // namespace
}  // namespace raven
