#include "cluster/largest_allocation.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace {

thread_local std::size_t largest = 0;

}  // namespace

namespace raven {

std::size_t largest_allocation() { return std::exchange(largest, 0); }

}  // namespace raven

// Both forms that do not align, so that what one of them gives is never freed as another's.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  largest = std::max(largest, size);
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
