#include "raven/core/buffer_pool.hpp"

#include <map>
#include <mutex>

#include "raven/core/memory.hpp"

namespace raven {
namespace {

constexpr std::size_t alignment = 64;

std::size_t rounded(std::size_t bytes) {
  return (std::max(bytes, alignment) + alignment - 1) / alignment * alignment;
}

}  // namespace

struct BufferPool::Shelf {
  std::mutex mutex;
  std::multimap<std::size_t, std::byte*> idle;  // by size

  ~Shelf() { clear(); }

  void clear() {
    const std::scoped_lock lock(mutex);
    for (const auto& [size, buffer] : idle) const Memory freed(buffer);
    idle.clear();
  }

  std::pair<std::byte*, std::size_t> take(std::size_t size) {
    {
      const std::scoped_lock lock(mutex);
      const auto found = idle.lower_bound(size);
      if (found != idle.end() && found->first <= 2 * size) {
        const auto kept = std::pair(found->second, found->first);
        idle.erase(found);
        return kept;
      }
    }
    return {allocate_memory(size).release(), size};
  }

  void give_back(std::byte* buffer, std::size_t size) {
    const std::scoped_lock lock(mutex);
    idle.emplace(size, buffer);
  }
};

BufferPool::BufferPool() : shelf_(std::make_shared<Shelf>()) {}

std::shared_ptr<std::byte> BufferPool::take(std::size_t bytes) {
  const auto [buffer, size] = shelf_->take(rounded(bytes));
  return {buffer, [shelf = shelf_, size = size](std::byte* used) { shelf->give_back(used, size); }};
}

void BufferPool::trim() { shelf_->clear(); }

std::size_t BufferPool::idle_bytes() const {
  const std::scoped_lock lock(shelf_->mutex);
  std::size_t sum = 0;
  for (const auto& [size, buffer] : shelf_->idle) sum += size;
  return sum;
}

}  // namespace raven
