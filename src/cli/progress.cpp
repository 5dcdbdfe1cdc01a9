#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "raven/core/printable.hpp"
#include "raven/core/utf8.hpp"

namespace raven {
namespace {

/// All after the count: ", 0:31 left, 8.12 k samples/s, loss 0.0812, 3 contributors".
std::string tail_of(const ProgressState& state, std::optional<double> seconds_left) {
  std::string text;
  if (seconds_left) text += ", " + time_in_words(*seconds_left) + " left";
  if (const auto rate = state.samples_per_second) {
    text += ", " +
            (*rate < 10 ? fmt::format("{:.2g}", *rate) : count_in_words(std::llround(*rate))) +
            " samples/s";
  }
  if (state.loss) text += fmt::format(", loss {:.4g}", *state.loss);
  if (state.contributors) text += ", " + plural(*state.contributors, "contributor");
  return text;
}

}  // namespace

std::optional<double> fraction_of(const ProgressState& state) {
  if (state.total > 0) {
    return std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
  }
  if (state.fraction >= 0) return std::min(state.fraction, 1.0);
  return std::nullopt;
}

std::string live_line(std::string_view label, const std::string& unit, const ProgressState& state,
                      std::optional<double> seconds_left, int columns) {
  constexpr int widest_bar = 30;
  constexpr int narrowest_bar = 5;
  const std::optional<double> fraction = fraction_of(state);
  std::string head(label);
  if (fraction) head += fmt::format(" {:3.0f} %", std::floor(*fraction * 100));
  std::string tail = " ";
  if (state.total > 0) {
    tail += count_in_words(state.done) + "/" + plural(state.total, unit);
  } else {
    tail += plural(state.done, unit);
  }
  tail += tail_of(state, seconds_left);

  // The last column stays free: some terminals begin a new line when it is filled.
  const int width = std::max(columns - 1, 1);
  const int room = width - static_cast<int>(head.size() + tail.size()) - 3;
  std::string line = head;
  if (fraction && room >= narrowest_bar) {
    const int bar = std::min(room, widest_bar);
    const int full = static_cast<int>(std::floor(*fraction * bar));
    line += " [" + std::string(static_cast<std::size_t>(full), '#') +
            std::string(static_cast<std::size_t>(bar - full), '.') + "]";
  }
  line += tail;
  return std::string(utf8_front(line, static_cast<std::size_t>(width)));
}

std::string plain_line(std::string_view label, const std::string& unit, const ProgressState& state,
                       std::optional<double> seconds_left) {
  std::string line(label);
  line += ": ";
  if (state.total > 0) {
    line += count_in_words(state.done) + " of " + plural(state.total, unit);
  } else {
    line += plural(state.done, unit);
  }
  if (const auto fraction = fraction_of(state)) {
    line += fmt::format(" ({:.0f} %)", std::floor(*fraction * 100));
  }
  return line + tail_of(state, seconds_left);
}

Progress::Progress(std::FILE* stream, std::string label, std::string unit)
    : Progress(
          ProgressScreen{
              .stream = stream, .live = is_terminal(stream), .colour = has_colour(stream)},
          std::move(label), std::move(unit)) {}

Progress::Progress(const ProgressScreen& screen, std::string label, std::string unit)
    : screen_(screen), label_(printable(label, LineEnds::escape)), unit_(std::move(unit)) {}

Progress::~Progress() { erase(); }

void Progress::update(const ProgressState& state, Clock::time_point now) {
  state_ = state;
  if (const auto fraction = fraction_of(state)) measure(*fraction, now);
  const auto pause = screen_.live ? live_pause : plain_pause;
  // Plain output begins after one pause: short work then prints nothing at all.
  if (!drawn_) drawn_ = screen_.live ? now - pause : now;
  if (now - *drawn_ < pause) return;
  drawn_ = now;
  draw();
}

void Progress::measure(double fraction, Clock::time_point now) {
  constexpr double memory_seconds = 15;
  if (!measured_ || fraction < measured_fraction_) {
    measured_ = now;
    measured_fraction_ = fraction;
    pace_ = 0;
    return;
  }
  const double seconds = std::chrono::duration<double>(now - *measured_).count();
  if (seconds < 0.2) return;
  const double pace = (fraction - measured_fraction_) / seconds;
  const double keep = pace_ > 0 ? std::exp(-seconds / memory_seconds) : 0;
  pace_ = keep * pace_ + (1 - keep) * pace;
  measured_ = now;
  measured_fraction_ = fraction;
}

std::optional<double> Progress::seconds_left() const {
  const auto fraction = fraction_of(state_);
  if (!fraction || pace_ <= 0) return std::nullopt;
  return (1 - *fraction) / pace_;
}

void Progress::note(std::string_view line) {
  erase();
  std::fputs((printable(line, LineEnds::escape) + "\n").c_str(), screen_.stream);
  if (screen_.live && drawn_) draw();
  std::fflush(screen_.stream);
}

void Progress::finish() {
  erase();
  drawn_.reset();
}

void Progress::erase() {
  if (!on_screen_) return;
  std::fputs("\r\033[K", screen_.stream);
  std::fflush(screen_.stream);
  on_screen_ = false;
}

void Progress::draw() {
  if (!screen_.live) {
    const std::string line = plain_line(label_, unit_, state_, seconds_left()) + "\n";
    std::fputs(line.c_str(), screen_.stream);
    std::fflush(screen_.stream);
    return;
  }
  const int columns = screen_.columns > 0 ? screen_.columns : terminal_width(screen_.stream);
  std::string line = live_line(label_, unit_, state_, seconds_left(), columns);
  if (screen_.colour && line.starts_with(label_)) {
    line = "\033[1m" + label_ + "\033[0m" + line.substr(label_.size());
  }
  std::fputs(("\r" + line + "\033[K").c_str(), screen_.stream);
  std::fflush(screen_.stream);
  on_screen_ = true;
}

}  // namespace raven
