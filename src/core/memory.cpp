#include "raven/core/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace raven {
namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t worth_huge_pages = 2 * huge_page;

}  // namespace

Memory allocate_memory(std::size_t bytes) {
  const bool huge = bytes >= worth_huge_pages;
  const std::size_t alignment = huge ? huge_page : cache_line;
  const std::size_t size = (std::max(bytes, alignment) + alignment - 1) / alignment * alignment;
  if (size < bytes) throw std::bad_alloc();
  Memory memory(static_cast<std::byte*>(std::aligned_alloc(alignment, size)));
  if (!memory) throw std::bad_alloc();
  // Where the system has none to give, small pages do.
  if (huge) madvise(memory.get(), size, MADV_HUGEPAGE);
  return memory;
}

}  // namespace raven
