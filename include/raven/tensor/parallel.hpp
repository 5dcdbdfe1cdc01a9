#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "raven/core/function_ref.hpp"

namespace raven {

/// Calls `body(i)` for every i in [0, count), on the threads of the pool that the caller runs in,
/// in any order, and returns when all are done. While it waits, the calling thread helps with this
/// loop only (never with another snippet's work), so per-thread scratch stays well nested. Outside
/// a pool the loop is serial. Results must not depend on order: each call writes its own tile.
void parallel_for(std::int64_t count, FunctionRef<void(std::int64_t)> body);

/// Splits [0, count) into ranges of at most `grain` (a number that depends on shapes only, never on
/// threads) and calls `body(first, last)` for each, as parallel_for does.
void parallel_ranges(std::int64_t count, std::int64_t grain,
                     FunctionRef<void(std::int64_t, std::int64_t)> body);

/// Threads that compute. OpenBLAS is told once, here, to stay on the calling thread.
/// Threads: run() and start() may be called from any thread.
class ComputePool {
 public:
  /// @param threads in all, >= 1. run() lends the calling thread as one of them, when one is free.
  /// @param callers places beside them for threads that call run(), so that these never wait for
  /// what start() began
  explicit ComputePool(int threads, int callers = 0);
  ~ComputePool();
  ComputePool(const ComputePool&) = delete;
  ComputePool& operator=(const ComputePool&) = delete;

  [[nodiscard]] int threads() const;
  /// Runs `body` inside the pool and waits for it; its parallel loops use the pool's threads.
  void run(FunctionRef<void()> body);
  /// Starts `body` on a thread of the pool and returns at once. @post the destructor waits for it.
  void start(std::function<void()> body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Short-lived aligned memory of the calling thread, for a kernel's packed block or partial sums.
/// Taken and given back like a stack; the memory stays with the thread, so the steady state never
/// allocates.
class Scratch {
 public:
  explicit Scratch(std::size_t floats);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] float* data() const { return data_; }

 private:
  float* data_;
  std::size_t bytes_;
};

}  // namespace raven
