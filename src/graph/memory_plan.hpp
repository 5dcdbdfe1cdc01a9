#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace raven {

/// A buffer that is needed from tick `first` to tick `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

/// Where each buffer lies in one piece of memory.
struct MemoryPlan {
  std::vector<std::size_t> offsets;
  std::size_t bytes = 0;
};

/// Every buffer begins at a multiple of this many bytes: a cache line, and the widest vector.
constexpr std::size_t buffer_alignment = 64;

[[nodiscard]] constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
}

/// Gives buffers offsets so that no two that are needed at the same tick overlap. Deterministic.
///
/// Largest buffers first, each into the smallest gap among those placed before that overlap it in
/// time (greedy by size: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
/// Inference", 2020). That is quadratic; above a few thousand buffers they are placed in the order
/// of time instead, into the smallest free block.
[[nodiscard]] MemoryPlan plan_memory(std::span<const Lifetime> lifetimes);

/// The most bytes needed at any one tick: no plan takes less.
[[nodiscard]] std::size_t peak_bytes(std::span<const Lifetime> lifetimes);

}  // namespace raven
