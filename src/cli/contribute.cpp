#include "cli/contribute.hpp"

#include <unistd.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "raven/cluster/drive.hpp"
#include "raven/tensor/numerics.hpp"

namespace raven {
namespace {

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t stop_signal = 0;
volatile std::sig_atomic_t first_stop_s = 0;

void on_usr1(int signal) { stop_signal = signal; }

/// Whoever asks twice means it. But one wish often comes by two ways, from a terminal or Slurm and
/// from the parent that passes it on, so only a later one counts.
void on_stop(int signal) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto now_s = static_cast<std::sig_atomic_t>(now.tv_sec);
  if (first_stop_s == 0) first_stop_s = now_s;
  if (now_s - first_stop_s > 1) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  stop_signal = signal;
}

}  // namespace

void listen_for_signals() {
  struct sigaction action = {};
  action.sa_handler = on_stop;
  for (const int signal : {SIGTERM, SIGINT}) sigaction(signal, &action, nullptr);
  // A file that may not grow any further is a disk that is full: a write that fails.
  std::signal(SIGXFSZ, SIG_IGN);
  action.sa_handler = on_usr1;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

int asked_to_stop() { return stop_signal; }

std::string node_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

Hello hello_of(int threads) {
  return {.numerics = numerics_class(),
          .node = node_name(),
          .pid = static_cast<std::uint64_t>(getpid()),
          .threads = static_cast<std::uint32_t>(threads)};
}

Workplace::Workplace(int threads, Programs programs, std::function<void(const std::string&)> tell)
    : hello_(hello_of(threads)), tell_(std::move(tell)), compute_(threads) {
  for (const ProgramDef* program : programs) {
    ops_.insert(ops_.end(), program->ops.begin(), program->ops.end());
  }
}

ContributorEnd Workplace::contribute(Transport& transport) {
  return drive_contributor(
      {.hello = hello_,
       .memory = memory_,
       .ops = ops_,
       .open_dataset = [this](const DatasetOffer& offer,
                              std::uint64_t cache_bytes) { return open(offer, cache_bytes); },
       .tell =
           [this](const std::string& remark) {
             if (tell_ && !std::exchange(told_, true)) tell_(remark);
           }},
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
