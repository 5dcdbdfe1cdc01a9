#pragma once

#include <cstddef>

namespace raven {

/// The largest piece of memory that this thread has asked operator new for since the last call; the
/// test program keeps count in largest_allocation.cpp.
[[nodiscard]] std::size_t largest_allocation();

}  // namespace raven
