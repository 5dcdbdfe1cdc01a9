#pragma once

#include <cstdint>

namespace raven::test {

/// Counts every allocation of the whole process while it lives: operator new, malloc and its
/// relatives, also those of libraries and of other threads. One at a time.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;

  [[nodiscard]] std::int64_t count() const;
  /// False where a sanitizer owns malloc, so that nothing can be counted.
  static bool works();
};

}  // namespace raven::test
