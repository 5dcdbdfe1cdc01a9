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

void* operator new(std::size_t size) {
  largest = std::max(largest, size);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
