#include "data/allocation_count.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t count = 0;
// Memory that another thread gives back makes it negative.
thread_local std::ptrdiff_t held = 0;
thread_local std::ptrdiff_t most_held = 0;
thread_local std::ptrdiff_t held_before = 0;

std::ptrdiff_t size_of(void* memory) {
  return static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
}

}  // namespace

namespace raven {

std::size_t allocation_count() { return count; }

void watch_allocations() { held_before = most_held = held; }

std::size_t most_allocated() { return static_cast<std::size_t>(most_held - held_before); }

}  // namespace raven

// Both forms that do not align, so that what one of them gives is never freed as another's.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++count;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory != nullptr) held += size_of(memory);
  most_held = std::max(most_held, held);
  return memory;
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) held -= size_of(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
