#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raven {

/// Markdown that explains every layer, loss, optimizer and schedule with all options, made from the
/// tables that jobs are checked against. jobs/README.md holds a copy, and a test compares the two.
[[nodiscard]] std::string job_reference();

/// The part of the reference about one name; a name of two kinds gives both. Empty when there is
/// none.
[[nodiscard]] std::string job_reference(std::string_view name);

/// Every name that job_reference(name) knows, kind by kind.
[[nodiscard]] std::vector<std::string_view> job_reference_names();

}  // namespace raven
