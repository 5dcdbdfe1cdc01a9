#pragma once

namespace raven {

// TBB's library is not built for ThreadSanitizer, which therefore does not see that work given to
// TBB happens after what its giver did before, and would call every task a data race.
#ifdef __SANITIZE_THREAD__  // g++, which the tsan preset takes
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

/// What this thread has done so far is known to whoever takes over by the same token.
inline void give_over(const void* token) { __tsan_release(const_cast<void*>(token)); }
inline void take_over(const void* token) { __tsan_acquire(const_cast<void*>(token)); }
#else
inline void give_over(const void*) {}
inline void take_over(const void*) {}
#endif

}  // namespace raven
