#pragma once

#include <cstddef>
#include <memory>

namespace raven {

/// Recycles large buffers, so that a step neither maps nor clears memory that the last step used.
///
/// Buffers are aligned to 64 bytes, their content is unspecified, and they come back by themselves
/// when the last handle goes, also after the pool object itself is gone. A freed buffer serves any
/// request between half its size and its size. Threads: any.
class BufferPool {
 public:
  BufferPool();

  /// A buffer of at least `bytes` bytes. @throws std::bad_alloc
  [[nodiscard]] std::shared_ptr<std::byte> take(std::size_t bytes);
  /// Frees every buffer that is not in use.
  void trim();
  /// Bytes held but not in use.
  [[nodiscard]] std::size_t idle_bytes() const;

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace raven
