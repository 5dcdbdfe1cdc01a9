#include "memory_plan.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

namespace raven {
namespace {

constexpr std::size_t quadratic_limit = 4096;

bool overlap(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Numbers of all buffers, ordered by `before`; equal ones keep their order.
template <class Before>
std::vector<std::size_t> sorted(std::size_t count, Before before) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), before);
  return order;
}

/// The start of the smallest gap that holds `buffer`, among placed ones in the order of offsets.
std::size_t best_gap(const Lifetime& buffer, std::span<const std::size_t> placed,
                     std::span<const Lifetime> lifetimes, std::span<const std::size_t> offsets) {
  std::size_t end = 0;
  std::size_t best = 0;
  std::size_t best_size = std::numeric_limits<std::size_t>::max();
  for (const std::size_t other : placed) {
    if (!overlap(buffer, lifetimes[other])) continue;
    if (offsets[other] > end) {
      const std::size_t gap = offsets[other] - end;
      if (gap >= buffer.bytes && gap < best_size) {
        best = end;
        best_size = gap;
      }
    }
    end = std::max(end, offsets[other] + aligned(lifetimes[other].bytes));
  }
  return best_size == std::numeric_limits<std::size_t>::max() ? end : best;
}

MemoryPlan by_size(std::span<const Lifetime> lifetimes) {
  MemoryPlan plan{std::vector<std::size_t>(lifetimes.size()), 0};
  std::vector<std::size_t> placed;
  placed.reserve(lifetimes.size());
  for (const std::size_t i : sorted(lifetimes.size(), [&](std::size_t a, std::size_t b) {
         return lifetimes[a].bytes > lifetimes[b].bytes;
       })) {
    plan.offsets[i] = best_gap(lifetimes[i], placed, lifetimes, plan.offsets);
    plan.bytes = std::max(plan.bytes, plan.offsets[i] + aligned(lifetimes[i].bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](std::size_t a, std::size_t b) {
                                     return plan.offsets[a] < plan.offsets[b];
                                   }),
                  i);
  }
  return plan;
}

/// Free memory as blocks by offset and by size.
class FreeList {
 public:
  /// Takes the smallest free block that is large enough; grows the memory when there is none.
  std::size_t take(std::size_t bytes) {
    auto block = by_size_.lower_bound({bytes, 0});
    if (block == by_size_.end()) {
      grow(bytes);
      block = by_size_.lower_bound({bytes, 0});
    }
    const auto [size, offset] = block->first;
    erase(offset, size);
    if (size > bytes) insert(offset + bytes, size - bytes);
    return offset;
  }

  void give_back(std::size_t offset, std::size_t bytes) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      erase(next->first, next->second);
    }
    const auto after = by_offset_.lower_bound(offset);
    if (after != by_offset_.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second == offset) {
        const auto [start, size] = *before;
        erase(start, size);
        offset = start;
        bytes += size;
      }
    }
    insert(offset, bytes);
  }

  [[nodiscard]] std::size_t bytes() const { return end_; }

 private:
  void grow(std::size_t bytes) {
    std::size_t start = end_;
    if (!by_offset_.empty()) {
      const auto [offset, size] = *by_offset_.rbegin();
      if (offset + size == end_) {
        start = offset;
        erase(offset, size);
      }
    }
    end_ = start + bytes;
    insert(start, bytes);
  }
  void insert(std::size_t offset, std::size_t bytes) {
    by_offset_[offset] = bytes;
    by_size_[{bytes, offset}] = true;
  }
  void erase(std::size_t offset, std::size_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }

  std::map<std::size_t, std::size_t> by_offset_;
  std::map<std::pair<std::size_t, std::size_t>, bool> by_size_;
  std::size_t end_ = 0;
};

MemoryPlan by_time(std::span<const Lifetime> lifetimes) {
  MemoryPlan plan{std::vector<std::size_t>(lifetimes.size()), 0};
  FreeList memory;
  const auto ends = sorted(lifetimes.size(), [&](std::size_t a, std::size_t b) {
    return lifetimes[a].last < lifetimes[b].last;
  });
  auto ended = ends.begin();
  for (const std::size_t i : sorted(lifetimes.size(), [&](std::size_t a, std::size_t b) {
         return lifetimes[a].first < lifetimes[b].first;
       })) {
    for (; ended != ends.end() && lifetimes[*ended].last < lifetimes[i].first; ++ended) {
      memory.give_back(plan.offsets[*ended], aligned(lifetimes[*ended].bytes));
    }
    plan.offsets[i] = memory.take(aligned(lifetimes[i].bytes));
  }
  plan.bytes = memory.bytes();
  return plan;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes) {
  return lifetimes.size() <= quadratic_limit ? by_size(lifetimes) : by_time(lifetimes);
}

std::size_t peak_bytes(std::span<const Lifetime> lifetimes) {
  std::map<std::uint64_t, std::int64_t> changes;
  for (const Lifetime& life : lifetimes) {
    const auto bytes = static_cast<std::int64_t>(aligned(life.bytes));
    changes[life.first] += bytes;
    changes[std::uint64_t{life.last} + 1] -= bytes;
  }
  std::int64_t now = 0;
  std::int64_t peak = 0;
  for (const auto& [tick, change] : changes) {
    now += change;
    peak = std::max(peak, now);
  }
  return static_cast<std::size_t>(peak);
}

}  // namespace raven
