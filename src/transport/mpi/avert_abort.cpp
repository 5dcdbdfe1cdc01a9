#include "transport/mpi/avert_abort.hpp"

#include <dlfcn.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace raven {
namespace {

std::atomic<bool> averting = false;
std::atomic<bool> told = false;

using Abort = void (*)(int, char*, ...);

[[noreturn]] void abort_as_mpi_does(int code, const char* reason) {
  const auto real = reinterpret_cast<Abort>(::dlsym(RTLD_NEXT, "ompi_rte_abort"));
  char verbatim[] = "%s";
  if (real != nullptr) real(code, verbatim, reason);
  std::abort();
}

}  // namespace

void avert_aborts(bool on) { averting = on; }

}  // namespace raven

/// Of a transfer module that failed: how badly, with whom and why. Open MPI's ob1 takes the address
/// of this name through the dynamic linker.
extern "C" __attribute__((visibility("default"))) void mca_pml_ob1_error_handler(
    void* /*module*/, std::int32_t /*flags*/, void* /*peer*/, char* reason) {
  if (!raven::averting) {
    raven::abort_as_mpi_does(-1, reason != nullptr ? reason : "a connection broke");
  }
  if (raven::told.exchange(true)) return;
  std::fputs("raven: MPI lost a connection and wanted to end; going on without that peer\n",
             stderr);
}

namespace raven {
namespace {

/// Where a function's caller goes on, and with what.
struct Caller {
  std::uintptr_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
};

struct Search {
  int frames_left;
  Caller found;
};

/// The caller of this function's caller's caller: with the registers that it will find again.
std::optional<Caller> two_frames_up() {
  Search search{.frames_left = 3, .found = {}};
  const auto look = [](_Unwind_Context* context, void* where) {
    auto& searched = *static_cast<Search*>(where);
    if (--searched.frames_left >= 0) return _URC_NO_REASON;
    // By the numbers that DWARF gives the registers of x86-64.
    searched.found = {.rbx = _Unwind_GetGR(context, 3),
                      .rbp = _Unwind_GetGR(context, 6),
                      .r12 = _Unwind_GetGR(context, 12),
                      .r13 = _Unwind_GetGR(context, 13),
                      .r14 = _Unwind_GetGR(context, 14),
                      .r15 = _Unwind_GetGR(context, 15),
                      .rsp = _Unwind_GetCFA(context),
                      .rip = _Unwind_GetIP(context)};
    return _URC_END_OF_STACK;
  };
  _Unwind_Backtrace(look, &search);
  if (search.frames_left >= 0 || search.found.rip == 0) return std::nullopt;
  return search.found;
}

/// Goes on there, as if everything below had returned -1.
[[noreturn]] void go_on_at(const Caller& caller) {
  asm volatile(
      "movq 0(%0), %%rbx\n\t"
      "movq 16(%0), %%r12\n\t"
      "movq 24(%0), %%r13\n\t"
      "movq 32(%0), %%r14\n\t"
      "movq 40(%0), %%r15\n\t"
      "movq 8(%0), %%rbp\n\t"
      "movq 56(%0), %%rdx\n\t"
      "movq 48(%0), %%rsp\n\t"
      "movq $-1, %%rax\n\t"
      "jmp *%%rdx\n\t"
      :
      : "c"(&caller)
      : "memory");
  __builtin_unreachable();
}

bool is_in_ob1(const void* code) {
  Dl_info info{};
  return ::dladdr(code, &info) != 0 && info.dli_fname != nullptr &&
         std::strstr(info.dli_fname, "mca_pml_ob1") != nullptr;
}

void say_once() {
  if (told.exchange(true)) return;
  std::fputs("raven: MPI lost a connection and wanted to end; going on without that peer\n",
             stderr);
}

}  // namespace
}  // namespace raven

extern "C" __attribute__((visibility("default"), noreturn, noinline)) void ompi_rte_abort(
    int code, char* format, ...) {
  char text[512] = "no reason given";
  if (format != nullptr) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
  }
  if (!raven::averting) raven::abort_as_mpi_does(code, text);
  if (raven::is_in_ob1(__builtin_return_address(0))) {
    if (const std::optional<raven::Caller> caller = raven::two_frames_up()) {
      raven::say_once();
      raven::go_on_at(*caller);
    }
  }
  std::fputs(
      "raven: a connection broke under way and MPI can't go on in this process; it ends here, and "
      "the same command goes on from the last checkpoint ('raven launch' does so by itself)\n",
      stderr);
  std::fflush(nullptr);
  ::_exit(EXIT_FAILURE);
}
