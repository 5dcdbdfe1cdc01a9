// Contributors that break the wire format, one way per rank, by raw MPI. The master must lose each
// of them, with a reason, allocate nothing for them, and serve the honest rank 1 as before.
#include <mpi.h>

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "raven/transport/mpi.hpp"
#include "transport/mpi/envelope.hpp"

namespace {

using raven::Bytes;
using raven::Event;
using raven::PeerId;

constexpr std::size_t max_body_bytes = std::size_t{1} << 20;
constexpr std::byte bye{255};

void say(int rank, const std::string& what) {
  const std::string line = "rank " + std::to_string(rank) + " " + what + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

/// Never waits for its completion: who is lost is not listened to.
void send_raw(const Bytes& bytes, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  auto* kept = new Bytes(bytes);
  MPI_Isend(kept->data(), static_cast<int>(kept->size()), MPI_BYTE, 0, tag, MPI_COMM_WORLD,
            &request);
}

Bytes head_announcing(std::uint64_t body_bytes) {
  raven::ByteWriter writer;
  writer.put(raven::wire::magic);
  writer.put(std::uint32_t{0});
  writer.put(body_bytes);
  return writer.take();
}

/// @return how many ways there are to offend
int offend(int way) {
  using raven::wire::body_tag;
  using raven::wire::head_tag;
  switch (way) {
    case 0:
      send_raw(Bytes(3), head_tag);
      break;
    case 1:
      send_raw(Bytes(100, std::byte{0x55}), head_tag);
      break;
    case 2:
      send_raw(head_announcing(max_body_bytes + 1), head_tag);
      break;
    case 3:
      send_raw(head_announcing(~std::uint64_t{0}), head_tag);
      break;
    case 4:
      send_raw(Bytes(raven::wire::max_head_message + 1), head_tag);
      break;
    case 5:
      send_raw(head_announcing(100'000), head_tag);
      send_raw(Bytes(99'999), body_tag);
      break;
    case 6:
      send_raw(head_announcing(100'000), head_tag);
      send_raw(Bytes(100'001), body_tag);
      break;
    default:
      break;
  }
  return 7;
}

void be_master(raven::Transport& transport, int size) {
  std::set<PeerId> lost;
  int echoes = 0;
  const PeerId honest{1};
  while (static_cast<int>(lost.size()) < size - 2 || echoes < 100) {
    const auto event = transport.poll(std::chrono::seconds(1));
    if (!event) continue;
    if (event->kind == Event::Kind::message) {
      if (event->peer != honest) say(0, "FAILED: a message came of an offence");
      ++echoes;
    }
    if (event->kind == Event::Kind::lost) {
      if (event->peer == honest) say(0, "FAILED: the honest was lost: " + event->reason);
      lost.insert(event->peer);
      say(0, "lost " + std::to_string(event->peer.value) + ": " + event->reason);
    }
    if (event->peer == honest) transport.send(honest, {Bytes(10), raven::Blob(Bytes(20'000))});
  }
  transport.send(honest, {Bytes{bye}, {}});
  while (!transport.flushed(honest)) (void)transport.poll(std::chrono::milliseconds(1));
  say(0, "passed");
}

void be_honest(raven::Transport& transport) {
  for (;;) {
    auto event = transport.poll(std::chrono::seconds(1));
    if (!event || event->kind != Event::Kind::message) continue;
    if (event->message.head == Bytes{bye}) break;
    transport.send(PeerId{0}, std::move(event->message));
  }
  say(1, "passed");
}

}  // namespace

int main() {
  raven::MpiSession session;
  if (session.size() != 2 + offend(-1)) {
    std::fputs("FAILED: wrong number of ranks\n", stdout);
    session.finish(1);
    return 1;
  }
  if (session.rank() > 1) {
    offend(session.rank() - 2);
  } else {
    const auto transport = raven::make_mpi_transport({.max_body_bytes = max_body_bytes});
    if (session.rank() == 0) be_master(*transport, session.size());
    if (session.rank() == 1) be_honest(*transport);
  }
  session.finish(0);
  return 0;
}
