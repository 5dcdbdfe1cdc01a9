#include "transport/mpi/avert_abort.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

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

extern "C" __attribute__((visibility("default"), noreturn)) void ompi_rte_abort(int code,
                                                                                char* format, ...) {
  char text[512] = "no reason given";
  if (format != nullptr) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
  }
  if (!raven::averting) raven::abort_as_mpi_does(code, text);
  std::fputs(
      "raven: a connection broke under way and MPI can't go on in this process; it ends here, and "
      "the same command goes on from the last checkpoint ('raven launch' does so by itself)\n",
      stderr);
  std::fflush(nullptr);
  ::_exit(EXIT_FAILURE);
}
