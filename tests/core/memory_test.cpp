#include "raven/core/memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>

namespace raven {
namespace {

TEST(Memory, is_aligned_and_usable_to_its_end_whatever_its_size) {
  constexpr std::size_t huge_page = std::size_t{2} << 20;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{65}, huge_page,
                                  2 * huge_page - 1, 2 * huge_page, 3 * huge_page + 5}) {
    const Memory memory = allocate_memory(bytes);
    ASSERT_NE(memory, nullptr) << bytes;
    const std::size_t alignment = bytes < 2 * huge_page ? 64 : huge_page;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.get()) % alignment, 0U) << bytes;
    std::memset(memory.get(), 1, bytes);
  }
}

TEST(Memory, more_than_there_can_be_is_refused) {
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(static_cast<void>(allocate_memory(most)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(allocate_memory(most / 4)), std::bad_alloc);
}

}  // namespace
}  // namespace raven
