#pragma once

#include <cstddef>

namespace raven {

/// How often this thread has called operator new; the test program counts in allocation_count.cpp.
[[nodiscard]] std::size_t allocation_count();

/// Begins to watch how much memory this thread holds.
void watch_allocations();
/// The most bytes that this thread has held since then, beyond what it held at that time.
[[nodiscard]] std::size_t most_allocated();

}  // namespace raven
