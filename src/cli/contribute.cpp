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

std::string node_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

Hello hello_of(int threads) {
  return {.fingerprint = numerics_fingerprint(),
          .core = openblas_core_name(),
          .node = node_name(),
          .pid = static_cast<std::uint64_t>(getpid()),
          .threads = static_cast<std::uint32_t>(threads)};
}

Workplace::Workplace(int threads) : hello_(hello_of(threads)), compute_(threads) {}

ContributorEnd Workplace::contribute(Transport& transport) {
  return drive_contributor(
      {.hello = hello_,
       .memory = memory_,
       .open_dataset = [this](const DatasetOffer& offer,
                              std::uint64_t cache_bytes) { return open(offer, cache_bytes); }},
      transport, compute_, buffers_, [] { return stop_signal != 0; });
}

SampleSource Workplace::open(const DatasetOffer& offer, std::uint64_t cache_bytes) {
  const std::string key = to_hex(offer.identity) + " " + offer.manifest;
  if (const auto known = opened_.find(key); known != opened_.end()) return known->second;
  SampleSource source = open_offered_dataset(offer, cache_bytes);
  if (source) opened_.emplace(key, source);
  return source;
}

}  // namespace raven
