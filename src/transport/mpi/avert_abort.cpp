#include "transport/mpi/avert_abort.hpp"

#include <dlfcn.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace raven {
namespace {

std::atomic<bool> averting = false;
std::atomic<bool> told = false;

}  // namespace

void avert_aborts(bool on) { averting = on; }

}  // namespace raven

/// Stands in for the function of that name in Open MPI's library, which finds this one first.
extern "C" __attribute__((visibility("default"))) void ompi_rte_abort(int code, char* format, ...) {
  char text[512] = "no reason given";
  if (format != nullptr) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
  }
  if (raven::averting) {
    if (!raven::told.exchange(true)) {
      std::fputs("raven: MPI lost a connection and wanted to end; going on without that peer\n",
                 stderr);
    }
    return;
  }
  using Abort = void (*)(int, char*, ...);
  const auto real = reinterpret_cast<Abort>(::dlsym(RTLD_NEXT, "ompi_rte_abort"));
  char verbatim[] = "%s";
  if (real != nullptr) real(code, verbatim, text);
  std::abort();
}
