// Kills contributors at any instant of heavy traffic: mpi_deaths SEED.
//
// Rank 1 lives, ranks from 2 on are killed by one of their own threads after a time drawn from the
// seed. The master keeps large and small messages under way to all, in both directions, and has to
// finish its business with rank 1 whatever happens to the others.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "raven/core/random.hpp"
#include "raven/transport/mpi.hpp"

namespace {

using raven::Blob;
using raven::Bytes;
using raven::Event;
using raven::Message;
using raven::PeerId;

constexpr int rounds = 400;
constexpr std::byte bye{255};

void say(int rank, const char* what) {
  const std::string line = "rank " + std::to_string(rank) + " " + what + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

void be_master(raven::Transport& transport, int size, std::uint64_t seed) {
  raven::RandomStream random({.seed = seed});
  const auto body = std::make_shared<Bytes>(std::size_t{4} << 20);
  const auto send = [&](PeerId to) {
    constexpr std::uint32_t sizes[] = {0, 5'000, 50'000, 1'000'000, 4'000'000};
    const std::size_t bytes = sizes[random.below(5)];
    transport.send(to, {Bytes(1), Blob(body, raven::ByteSpan(*body).first(bytes))});
  };
  const PeerId living{1};
  int echoes = 0;
  int joined = 0;
  while (echoes < rounds) {
    const auto event = transport.poll(std::chrono::milliseconds(100));
    if (!event) continue;
    if (event->kind == Event::Kind::joined) {
      ++joined;
      for (int i = 0; i < 6; ++i) send(event->peer);
    } else if (event->kind == Event::Kind::message) {
      echoes += event->peer == living ? 1 : 0;
      send(event->peer);
    }
  }
  if (joined != size - 1) say(0, "FAILED: not everybody joined");
  for (int rank = 2; rank < size; ++rank) transport.drop(PeerId{static_cast<std::uint32_t>(rank)});
  transport.send(living, {Bytes{bye}, {}});
  while (!transport.flushed(living)) (void)transport.poll(std::chrono::milliseconds(1));
}

void be_contributor(raven::Transport& transport, int rank, std::uint64_t seed) {
  std::thread killer;
  if (rank > 1) {
    raven::RandomStream random({.seed = seed, .op = static_cast<std::uint32_t>(rank)});
    const std::chrono::microseconds life(random.below(200'000));
    killer = std::thread([life] {
      std::this_thread::sleep_for(life);
      std::raise(SIGKILL);
    });
  }
  for (;;) {
    auto event = transport.poll(std::chrono::seconds(1));
    if (!event || event->kind != Event::Kind::message) continue;
    if (event->message.head == Bytes{bye}) return;
    transport.send(PeerId{0}, std::move(event->message));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  raven::MpiSession session;
  {
    const auto transport = raven::make_mpi_transport();
    if (session.rank() == 0) {
      be_master(*transport, session.size(), seed);
    } else {
      be_contributor(*transport, session.rank(), seed);
    }
  }
  say(session.rank(), "passed");
  return 0;
}
