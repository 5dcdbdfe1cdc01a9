#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace raven {

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, FreeMemory>;

/// Memory for numbers, of unspecified content, aligned to 64 bytes: a cache line, and the widest
/// vector. From 4 MiB on the system is asked for huge pages: fewer TLB misses for kernels and for
/// whoever copies from another process. Never null.
/// Threads: any. @throws std::bad_alloc
[[nodiscard]] Memory allocate_memory(std::size_t bytes);

}  // namespace raven
