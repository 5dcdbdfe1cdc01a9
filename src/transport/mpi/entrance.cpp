#include <mpi.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "raven/transport/gateway.hpp"
#include "transport/door/knocking.hpp"
#include "transport/mpi/mpi_transport.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr PeerId gateway{0};
/// MPI's connecting takes 5 to 100 ms; what takes longer never ends.
constexpr std::chrono::seconds connecting_time{20};
/// Words sent by MPI before the gateway ended are still read after its TCP connection has.
constexpr milliseconds last_words{300};
/// How often the connection is looked at: a system call each time.
constexpr milliseconds look_interval{5};

bool has_ended(const Socket& socket) {
  std::byte byte{};
  const ssize_t got = ::recv(socket.handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/// Ends the process when MPI's connecting does not end, unless `on_dead_end` replaces it.
class ConnectWatch {
 public:
  ConnectWatch(const Socket& socket, const std::function<void()>& on_dead_end)
      : socket_(socket), on_dead_end_(on_dead_end), thread_([this] { watch(); }) {}
  ~ConnectWatch() {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    done_.notify_one();
    thread_.join();
  }
  ConnectWatch(const ConnectWatch&) = delete;
  ConnectWatch& operator=(const ConnectWatch&) = delete;

 private:
  void watch() {
    const auto deadline = Clock::now() + connecting_time;
    std::optional<Clock::time_point> ended;
    std::unique_lock lock(mutex_);
    while (!done_.wait_for(lock, look_interval, [this] { return over_; })) {
      const auto now = Clock::now();
      if (!ended && has_ended(socket_)) ended = now;
      if (now < deadline && !(ended && now - *ended > std::chrono::seconds(1))) continue;
      if (on_dead_end_) on_dead_end_();
      std::fputs("raven: the gateway went while this process was connecting to it; join again\n",
                 stderr);
      std::fflush(nullptr);
      ::_exit(EXIT_FAILURE);
    }
  }

  const Socket& socket_;
  const std::function<void()>& on_dead_end_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;  // last, because it uses the others
};

/// MPI's messages, and the TCP connection whose end is the gateway's.
class EnteredTransport final : public Transport {
 public:
  EnteredTransport(MPI_Comm comm, Socket socket, const MpiOptions& options)
      : mpi_(options), socket_(std::move(socket)) {
    mpi_.add_peer(gateway, comm, 0);
  }

  void send(PeerId to, Message message) override { mpi_.send(to, std::move(message)); }
  void wake() override { mpi_.wake(); }
  void drop(PeerId peer) override {
    lost_ = true;
    mpi_.drop(peer);
  }
  [[nodiscard]] bool flushed(PeerId peer) const override { return mpi_.flushed(peer); }
  [[nodiscard]] std::size_t backlog(PeerId peer) const override { return mpi_.backlog(peer); }
  void limit_bodies(std::size_t bytes) override { mpi_.limit_bodies(bytes); }
  [[nodiscard]] Traffic traffic() const override { return mpi_.traffic(); }

  std::optional<Event> poll(microseconds patience) override {
    // Shorter naps than asked for; callers see quiet a little sooner.
    if (auto event =
            mpi_.poll(lost_ ? patience : std::min<microseconds>(patience, look_interval))) {
      if (event->kind == Event::Kind::lost) lost_ = true;
      return event;
    }
    if (!look(Clock::now())) return std::nullopt;
    mpi_.drop(gateway);
    lost_ = true;
    return Event{Event::Kind::lost, gateway, {}, "its connection has ended"};
  }

 private:
  bool look(Clock::time_point now) {
    if (lost_ || now - looked_ < look_interval) return false;
    looked_ = now;
    if (!ended_ && has_ended(socket_)) ended_ = now;
    return ended_ && now - *ended_ >= last_words;
  }

  MpiTransport mpi_;
  Socket socket_;
  Clock::time_point looked_{};
  std::optional<Clock::time_point> ended_;
  bool lost_ = false;
};

/// Knocks at one address after the other until somebody answers.
door::Reply knock(const GatewayDoor& at, const door::Knock& what, milliseconds patience) {
  std::istringstream addresses(at.addresses);
  std::string address;
  door::Reply reply;
  reply.failure = "the run names no address";
  while (std::getline(addresses, address, ',')) {
    reply = door::knock_at(address, at.port, at.token, what, patience);
    if (reply.failure.empty()) break;
  }
  return reply;
}

/// Asks for something to be done. @return why it won't be
std::string order(const GatewayDoor& at, const door::Knock& what, milliseconds patience) {
  const door::Reply reply = knock(at, what, patience);
  if (!reply.failure.empty()) return reply.failure;
  return reply.answer.verdict == door::Answer::Verdict::ordered ? std::string() : reply.answer.text;
}

Entrance no_way(std::string why) {
  Entrance entrance;
  entrance.failure = std::move(why);
  return entrance;
}

}  // namespace

Entrance enter_through(const GatewayDoor& at, const std::string& node, milliseconds patience,
                       MpiOptions options, std::function<void()> on_dead_end) {
  door::Knock what;
  what.purpose = door::Knock::Purpose::join;
  what.node = node;
  what.pid = static_cast<std::uint64_t>(::getpid());
  door::Reply reply = knock(at, what, patience);
  if (!reply.failure.empty()) return no_way(reply.failure);
  if (reply.answer.verdict != door::Answer::Verdict::port) return no_way(reply.answer.text);
  MPI_Comm comm = MPI_COMM_NULL;
  int error = MPI_SUCCESS;
  {
    const ConnectWatch watch(reply.socket, on_dead_end);
    error = MPI_Comm_connect(reply.answer.text.c_str(), MPI_INFO_NULL, 0, MPI_COMM_SELF, &comm);
  }
  if (error != MPI_SUCCESS || comm == MPI_COMM_NULL) {
    return no_way("MPI could not connect to the gateway");
  }
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  Entrance entrance;
  entrance.transport = std::make_unique<EnteredTransport>(comm, std::move(reply.socket), options);
  return entrance;
}

std::string order_spawn(const GatewayDoor& at, const SpawnOrder& spawn, milliseconds patience) {
  door::Knock what;
  what.purpose = door::Knock::Purpose::spawn;
  what.count = spawn.count;
  what.host = spawn.host;
  return order(at, what, patience);
}

std::string order_leave(const GatewayDoor& at, PeerId peer, milliseconds patience) {
  door::Knock what;
  what.purpose = door::Knock::Purpose::leave;
  what.count = peer.value;
  return order(at, what, patience);
}

}  // namespace raven
