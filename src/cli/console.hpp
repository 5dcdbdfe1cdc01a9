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

/// Prints "raven: file:line:column: problem; remedy" to stderr.
void print_mistake(const InputError& error);
void print_mistakes(std::span<const InputError> errors);
/// The same for what is nobody's mistake.
void print_failure(std::string_view what);

/// What a result depends on and its reader should know, each a line on stderr: "raven: note: ...".
void print_notes(std::span<const std::string> notes);

/// Writes to stdout. A reader that went away (`raven ... | head`) is no error.
void print(std::string_view text);
/// Flushes stdout. @return false when output was lost for any reason but a reader that went away
[[nodiscard]] bool flush_output();

}  // namespace raven
