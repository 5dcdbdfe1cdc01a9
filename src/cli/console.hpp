#pragma once

#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "raven/core/error.hpp"

namespace raven {

/// Whether a stream is a terminal on which a line may be redrawn: not a file, not a pipe, not
/// TERM=dumb.
[[nodiscard]] bool is_terminal(std::FILE* stream);
/// Whether to colour what goes there: a terminal, and NO_COLOR (no-color.org) is unset or empty.
[[nodiscard]] bool has_colour(std::FILE* stream);
/// Columns of a terminal; 80 when unknown.
[[nodiscard]] int terminal_width(std::FILE* stream);

// All that a verb says goes through these functions or through Progress, and nowhere else does the
// room write to stdout or stderr (a rule in tests/rules): what data, jobs, peers and file
// names hold becomes printable() in one place.

/// Prints "raven: file:line:column: problem; remedy" to stderr, as one line.
void print_mistake(const InputError& error);
void print_mistakes(std::span<const InputError> errors);
/// The same for what is nobody's mistake.
void print_failure(std::string_view what);

/// What a result depends on and its reader should know, each a line on stderr: "raven: note: ...".
void print_notes(std::span<const std::string> notes);

/// Writes printable(text) to stdout. A reader that went away (`raven ... | head`) is no error.
void print(std::string_view text);
/// The same, but byte by byte where it goes to a file or a pipe: for a text that is the result.
void print_as_it_is(std::string_view text);
/// Begins the terminal's screen anew.
void clear_screen();
/// Flushes stdout. @return false when output was lost for any reason but a reader that went away
[[nodiscard]] bool flush_output();

}  // namespace raven
