#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace raven {

/// How far long work has come. What is not known is left out of what is shown.
struct ProgressState {
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0: unknown
  double fraction = -1;    ///< of the work, when `total` does not tell it
  std::optional<double> samples_per_second = std::nullopt;
  std::optional<double> loss = std::nullopt;
  std::optional<int> contributors = std::nullopt;
};

/// Where progress is shown and in which of the two manners.
struct ProgressScreen {
  std::FILE* stream = nullptr;
  bool live = false;  ///< redraw one line, as on a terminal; else a line every few seconds
  bool colour = false;
  int columns = 0;  ///< 0: ask the terminal each time, since windows change
};

/// One line that is redrawn on a terminal, or a plain line every few seconds where nobody watches.
/// Cheap to call often: what comes too soon after the last drawing is dropped. One thread at a
/// time.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds live_pause{100};
  static constexpr std::chrono::milliseconds plain_pause{5000};

  /// @param label what is being done, "importing"   @param unit what `done` counts, in the singular
  Progress(std::FILE* stream, std::string label, std::string unit);
  Progress(const ProgressScreen& screen, std::string label, std::string unit);
  /// Leaves no half-drawn line, also when an exception passes.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(const ProgressState& state, Clock::time_point now = Clock::now());
  /// Prints a line of its own above the bar, at once: an epoch's result, a contributor that came.
  void note(std::string_view line);
  /// Takes the bar away; call it when all is done.
  void finish();

  /// Seconds to go by the pace of late; none while that can't be told.
  [[nodiscard]] std::optional<double> seconds_left() const;

 private:
  void measure(double fraction, Clock::time_point now);
  void erase();
  void draw();

  ProgressScreen screen_;
  std::string label_;
  std::string unit_;
  ProgressState state_;
  std::optional<Clock::time_point> drawn_;
  bool on_screen_ = false;
  // Pace: fractions per second, smoothed over a quarter of a minute.
  std::optional<Clock::time_point> measured_;
  double measured_fraction_ = 0;
  double pace_ = 0;
};

/// The share done, 0 to 1; none when neither total nor fraction is known.
[[nodiscard]] std::optional<double> fraction_of(const ProgressState& state);
/// "digits  42 % [####....] 1 200/2 820 steps, 0:31 left, 8.12 k samples/s, loss 0.0812, 3
/// contributors", never wider than `columns`: the bar shrinks first, then the end is cut.
[[nodiscard]] std::string live_line(std::string_view label, const std::string& unit,
                                    const ProgressState& state, std::optional<double> seconds_left,
                                    int columns);
/// "digits: 1 200 of 2 820 steps (42 %), 0:31 left, ..."
[[nodiscard]] std::string plain_line(std::string_view label, const std::string& unit,
                                     const ProgressState& state,
                                     std::optional<double> seconds_left);

}  // namespace raven
