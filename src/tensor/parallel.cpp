#include "raven/tensor/parallel.hpp"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "raven/core/contract.hpp"
#include "tensor/blas.hpp"
#include "tensor/hand_over.hpp"

namespace raven {
namespace {

thread_local bool in_pool = false;

/// Marks the calling thread as working for a pool while it lives.
class InPool {
 public:
  InPool() : before_(in_pool) { in_pool = true; }
  ~InPool() { in_pool = before_; }
  InPool(const InPool&) = delete;
  InPool& operator=(const InPool&) = delete;

 private:
  bool before_;
};

}  // namespace

void parallel_for(std::int64_t count, FunctionRef<void(std::int64_t)> body) {
  if (count <= 1 || !in_pool) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  give_over(&body);
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, count),
                      [&](const tbb::blocked_range<std::int64_t>& range) {
                        take_over(&body);
                        const InPool mark;
                        for (std::int64_t i = range.begin(); i < range.end(); ++i) body(i);
                        give_over(&body);
                      });
  });
  take_over(&body);
}

void parallel_ranges(std::int64_t count, std::int64_t grain,
                     FunctionRef<void(std::int64_t, std::int64_t)> body) {
  expects(grain > 0, "a range has at least one element");
  if (count <= 0) return;
  parallel_for((count + grain - 1) / grain, [&](std::int64_t range) {
    body(range * grain, std::min(count, (range + 1) * grain));
  });
}

struct ComputePool::Impl {
  Impl(int threads_in, int callers)
      : threads(threads_in), arena(threads + callers, static_cast<unsigned>(callers)) {}

  int threads;

  // TBB gives a process one worker less than it has cores, counting on the main thread to compute.
  // Ours may sit in MPI instead, and arenas bound themselves, so the process-wide bound is lifted.
  tbb::global_control workers{tbb::global_control::max_allowed_parallelism, 256};
  tbb::task_arena arena;
  std::mutex mutex;
  std::condition_variable idle;
  int started = 0;
};

ComputePool::ComputePool(int threads, int callers) {
  expects(threads >= 1, "a pool has at least one thread");
  expects(callers >= 0, "a pool has no fewer than no callers");
  make_blas_serial();
  impl_ = std::make_unique<Impl>(threads, callers);
}

ComputePool::~ComputePool() {
  std::unique_lock lock(impl_->mutex);
  impl_->idle.wait(lock, [&] { return impl_->started == 0; });
}

int ComputePool::threads() const { return impl_->threads; }

void ComputePool::run(FunctionRef<void()> body) {
  give_over(&body);
  impl_->arena.execute([&] {
    take_over(&body);
    const InPool mark;
    body();
    give_over(&body);
  });
  take_over(&body);
}

void ComputePool::start(std::function<void()> body) {
  {
    const std::lock_guard lock(impl_->mutex);
    ++impl_->started;
  }
  // TBB calls tasks as const, but what the body captured must go before the pool may go.
  auto held = std::make_unique<std::function<void()>>(std::move(body));
  give_over(held.get());
  impl_->arena.enqueue([impl = impl_.get(), task = held.release()]() noexcept {
    take_over(task);
    {
      const std::unique_ptr<std::function<void()>> owner(task);
      const InPool mark;
      (*owner)();
    }
    // Notify under the lock: the destructor may free the condition variable as soon as it sees
    // zero.
    const std::lock_guard lock(impl->mutex);
    if (--impl->started == 0) impl->idle.notify_all();
  });
}

}  // namespace raven
