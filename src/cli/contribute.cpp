#include "cli/contribute.hpp"

#include <unistd.h>

#include <csignal>

#include "raven/cluster/drive.hpp"
#include "raven/tensor/bench.hpp"
#include "raven/tensor/fingerprint.hpp"

namespace raven {
namespace {

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t stop_signal = 0;

std::string node_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

void listen_for_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { stop_signal = signal; };
  for (const int signal : {SIGTERM, SIGINT}) {
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(signal, &action, nullptr);
  }
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

int asked_to_stop() { return stop_signal; }

Hello hello_of(int threads) {
  return {.fingerprint = numerics_fingerprint(),
          .core = openblas_core_name(),
          .node = node_name(),
          .pid = static_cast<std::uint64_t>(getpid()),
          .threads = static_cast<std::uint32_t>(threads)};
}

std::string contribute(Transport& transport, int threads) {
  ComputePool compute(threads);
  BufferPool buffers;
  return drive_contributor({.hello = hello_of(threads), .open_dataset = open_offered_dataset},
                           transport, compute, buffers,
                           [] { return stop_signal == SIGTERM || stop_signal == SIGINT; });
}

}  // namespace raven
