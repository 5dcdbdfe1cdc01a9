#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "raven/core/printable.hpp"

namespace raven {
namespace {

void print_line(std::string_view text) {
  const bool colour = has_colour(stderr);
  const std::string line =
      (colour ? "\033[1;31mraven:\033[0m " : "raven: ") + printable(text, LineEnds::escape) + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

/// Takes the error mark off stdout when it stands for a reader that went away, so that only real
/// losses stay marked. Called right after writing, while errno still tells which.
void forgive_lost_reader() {
  if (std::ferror(stdout) != 0 && errno == EPIPE) std::clearerr(stdout);
}

void write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  forgive_lost_reader();
}

bool is_a_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

}  // namespace

bool is_terminal(std::FILE* stream) {
  const char* kind = std::getenv("TERM");
  return is_a_terminal(stream) && !(kind && std::string_view(kind) == "dumb");
}

bool has_colour(std::FILE* stream) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(stream) && (!no_colour || *no_colour == '\0');
}

int terminal_width(std::FILE* stream) {
  constexpr int usual = 80;
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return size.ws_col;
}

void print_mistake(const InputError& error) { print_line(error.what()); }

void print_mistakes(std::span<const InputError> errors) {
  for (const InputError& error : errors) print_mistake(error);
}

void print_failure(std::string_view what) { print_line(what); }

void print_notes(std::span<const std::string> notes) {
  for (const std::string& note : notes) print_line("note: " + note);
}

void print(std::string_view text) { write_out(printable(text)); }

void print_as_it_is(std::string_view text) {
  write_out(is_a_terminal(stdout) ? printable(text) : std::string(text));
}

void clear_screen() { write_out("\033[H\033[2J"); }

bool flush_output() {
  std::fflush(stdout);
  forgive_lost_reader();
  return std::ferror(stdout) == 0;
}

}  // namespace raven
