#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "cli/terminal_text.hpp"

namespace raven {
namespace {

void print_line(std::string_view text) {
  const bool colour = has_colour(stderr);
  std::fputs(colour ? "\033[1;31mraven:\033[0m " : "raven: ", stderr);
  const std::string tame = terminal_text(text);
  std::fwrite(tame.data(), 1, tame.size(), stderr);
  std::fputc('\n', stderr);
}

/// Takes the error mark off stdout when it stands for a reader that went away, so that only real
/// losses stay marked. Called right after writing, while errno still tells which.
void forgive_lost_reader() {
  if (std::ferror(stdout) != 0 && errno == EPIPE) std::clearerr(stdout);
}

}  // namespace

bool is_terminal(std::FILE* stream) {
  const char* kind = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && !(kind && std::string_view(kind) == "dumb");
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

void print(std::string_view text) {
  // Programs get the bytes as they are.
  const bool to_terminal = ::isatty(STDOUT_FILENO) == 1;
  const std::string tame = to_terminal ? terminal_text(text) : std::string();
  const std::string_view shown = to_terminal ? std::string_view(tame) : text;
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  forgive_lost_reader();
}

bool flush_output() {
  std::fflush(stdout);
  forgive_lost_reader();
  return std::ferror(stdout) == 0;
}

}  // namespace raven
