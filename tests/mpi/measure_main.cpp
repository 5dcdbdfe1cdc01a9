// Measures the MPI transport between two ranks: mpirun -n 2 ... mpi_measure [raw|transport|idle].
#include <mpi.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include "raven/transport/mpi.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using raven::Blob;
using raven::Bytes;
using raven::Event;
using raven::Message;
using raven::PeerId;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void report(const char* what, std::size_t bytes, int rounds, double seconds) {
  const double half_trip = seconds / (2.0 * rounds);
  std::printf("%-28s %9zu bytes: half round trip %10.2f us, %8.0f MB/s\n", what, bytes,
              half_trip * 1e6, static_cast<double>(bytes) / half_trip * 1e-6);
  std::fflush(stdout);
}

void raw_ping_pong(int rank, std::size_t bytes, int rounds) {
  std::vector<char> buffer(bytes + 1);
  const int count = static_cast<int>(bytes);
  const int other = 1 - rank;
  const auto send = [&] {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Isend(buffer.data(), count, MPI_BYTE, other, 1, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  };
  const auto receive = [&] {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Irecv(buffer.data(), count, MPI_BYTE, other, 1, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  };
  Clock::time_point start;
  for (int round = -2; round < rounds; ++round) {
    if (round == 0) start = Clock::now();
    if (rank == 0) send();
    receive();
    if (rank == 1) send();
  }
  if (rank == 0) report("raw MPI_Isend, MPI_Irecv", bytes, rounds, seconds_since(start));
}

Event next_message(raven::Transport& transport) {
  for (;;) {
    auto event = transport.poll(std::chrono::seconds(1));
    if (event && event->kind == Event::Kind::message) return std::move(*event);
  }
}

void ping_pong(raven::Transport& transport, int rank, std::size_t bytes, int rounds) {
  const PeerId other{static_cast<std::uint32_t>(1 - rank)};
  const Blob body(Bytes(bytes, std::byte{1}));
  Clock::time_point start;
  for (int round = -2; round < rounds; ++round) {
    if (round == 0) start = Clock::now();
    if (rank == 0) transport.send(other, {Bytes(32), body});
    (void)next_message(transport);
    if (rank == 1) transport.send(other, {Bytes(32), body});
  }
  if (rank == 0) report("transport, 32 bytes of head", bytes, rounds, seconds_since(start));
}

void stream(raven::Transport& transport, int rank, std::size_t bytes, int count) {
  const PeerId other{static_cast<std::uint32_t>(1 - rank)};
  if (rank == 1) {
    for (int i = 0; i < count; ++i) (void)next_message(transport);
    transport.send(other, {});
    while (!transport.flushed(other)) (void)transport.poll(std::chrono::milliseconds(1));
    return;
  }
  const Blob body(Bytes(bytes, std::byte{1}));
  const auto start = Clock::now();
  for (int i = 0; i < count; ++i) transport.send(other, {Bytes(32), body});
  (void)next_message(transport);
  const double seconds = seconds_since(start);
  std::printf("transport, one way           %9zu bytes x %d: %8.0f MB/s, %8.0f messages/s\n", bytes,
              count, static_cast<double>(bytes) * count / seconds * 1e-6, count / seconds);
  std::fflush(stdout);
}

void idle(raven::Transport& transport, int rank) {
  while (transport.poll(std::chrono::milliseconds(10))) {
  }
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  while (seconds_since(start) < 3) (void)transport.poll(std::chrono::milliseconds(500));
  std::printf("rank %d idle: %.1f %% of a core\n", rank,
              100 * (cpu_seconds() - cpu) / seconds_since(start));
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "transport";
  raven::MpiSession session;
  if (session.size() != 2) {
    std::fputs("this wants two ranks\n", stderr);
    session.finish(1);
    return 1;
  }
  constexpr std::size_t sizes[] = {0, 1024, 64 * 1024, 1024 * 1024, 100 * 1024 * 1024};
  const auto rounds = [](std::size_t bytes) {
    return bytes > 10'000'000 ? 8 : bytes > 100'000 ? 200 : 5000;
  };
  if (std::strcmp(what, "raw") == 0) {
    for (const std::size_t bytes : sizes) raw_ping_pong(session.rank(), bytes, rounds(bytes));
  } else {
    const auto transport = raven::make_mpi_transport();
    if (std::strcmp(what, "idle") == 0) {
      idle(*transport, session.rank());
    } else {
      for (const std::size_t bytes : sizes)
        ping_pong(*transport, session.rank(), bytes, rounds(bytes));
      stream(*transport, session.rank(), 0, 20'000);
      stream(*transport, session.rank(), 100 * 1024 * 1024, 12);
    }
  }
  if (session.rank() == 0) {
    const auto found = raven::describe_mpi();
    std::printf("%s on %s, %d ranks, recovery %s\n", found.library.c_str(), found.node.c_str(),
                found.world_size, found.recovery_enabled ? "on" : "off");
  }
  session.finish(0);
  return 0;
}
