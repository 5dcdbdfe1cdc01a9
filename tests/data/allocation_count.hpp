#pragma once

#include <cstddef>

namespace raven {

/// How often this thread has called operator new; the test program counts in allocation_count.cpp.
[[nodiscard]] std::size_t allocation_count();

}  // namespace raven
