#include <cstddef>
#include <memory>

#include <vector>

#include "raven/core/contract.hpp"
#include "raven/core/memory.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t smallest_block = std::size_t{1} << 20;

/// A stack of blocks. It grows by a block when a request does not fit, and once it has run empty
/// becomes a single block that holds all that was ever in use together.
class ScratchStack {
 public:
  std::byte* push(std::size_t bytes) {
    if (blocks_.empty() || blocks_.back().size - blocks_.back().used < bytes) grow(bytes);
    Block& block = blocks_.back();
    std::byte* memory = block.memory.get() + block.used;
    block.used += bytes;
    in_use_ += bytes;
    most_ = std::max(most_, in_use_);
    return memory;
  }

  void pop(const std::byte* memory, std::size_t bytes) {
    while (blocks_.size() > 1 && blocks_.back().used == 0) blocks_.pop_back();
    Block& block = blocks_.back();
    expects(memory == block.memory.get() + block.used - bytes,
            "scratch is given back like a stack");
    block.used -= bytes;
    in_use_ -= bytes;
    if (in_use_ == 0 && blocks_.front().size < most_) blocks_.clear();
  }

 private:
  struct Block {
    Memory memory;
    std::size_t size = 0;
    std::size_t used = 0;
  };

  void grow(std::size_t bytes) {
    const std::size_t size = std::max({bytes, smallest_block, blocks_.empty() ? most_ : 0});
    Block block;
    block.memory = allocate_memory(size);
    block.size = size;
    blocks_.push_back(std::move(block));
  }

  std::vector<Block> blocks_;
  std::size_t in_use_ = 0;
  std::size_t most_ = 0;
};

ScratchStack& stack() {
  thread_local ScratchStack of_this_thread;
  return of_this_thread;
}

}  // namespace

Scratch::Scratch(std::size_t floats)
    : data_(nullptr), bytes_((floats * sizeof(float) + alignment - 1) / alignment * alignment) {
  if (bytes_ != 0) data_ = reinterpret_cast<float*>(stack().push(bytes_));
}

Scratch::~Scratch() {
  if (bytes_ != 0) stack().pop(reinterpret_cast<const std::byte*>(data_), bytes_);
}

}  // namespace raven
