#include "raven/transport/gateway.hpp"

#include <unistd.h>

#include <chrono>
#include <deque>
#include <map>

#include "raven/core/contract.hpp"
#include "transport/mpi/entry.hpp"
#include "transport/mpi/mpi_transport.hpp"
#include "transport/relay/gateway_relay.hpp"

namespace raven {
namespace {

using relay::GatewayRelay;
using Clock = std::chrono::steady_clock;
using Kind = GatewayNote::Kind;

constexpr PeerId master{0};
constexpr std::chrono::milliseconds patience{50};
/// How long the last messages to newcomers, and the last word to the master, may take.
constexpr std::chrono::seconds farewell{2};
constexpr std::size_t most_orders = 64;

class GatewayProcess {
 public:
  explicit GatewayProcess(const GatewayOptions& options)
      : options_(options),
        transport_(MpiOptions{}),
        entry_([this] { transport_.wake(); }),
        relay_(transport_,
               {.on_orders = [this](const GatewayOrders& orders) { orders_ = orders; },
                .on_spawn = [this](const SpawnOrder& order) { on_spawn(order); },
                .on_gone = [](PeerId) {}},
               {}) {
    transport_.add_peer(master, MPI_COMM_WORLD, 0);
  }

  std::string run() {
    while (!relay_.finished()) {
      relay_.step(patience);
      let_in();
    }
    const auto deadline = Clock::now() + farewell;
    while (!relay_.flushed() && Clock::now() < deadline) relay_.step(std::chrono::milliseconds(1));
    return relay_.complaint();
  }

 private:
  void on_spawn(const SpawnOrder& order) {
    const std::string why = refusal(order);
    if (why.empty()) {
      spawns_.push_back(order);
    } else {
      relay_.tell(
          {.kind = Kind::refused, .address = order.host, .count = order.count, .text = why});
    }
  }

  [[nodiscard]] std::string refusal(const SpawnOrder& order) const {
    if (order.count < 1 || order.count > SpawnOrder::most) {
      return "one order starts 1 to " + std::to_string(SpawnOrder::most) + " processes";
    }
    if (wedged_) return "this gateway lets nobody in any more";
    if (spawns_.size() >= most_orders) return "too many orders wait already";
    // A spawn of what can't be run never returns.
    const std::string& program = options_.spawn_command.front();
    if (::access(program.c_str(), X_OK) != 0) return program + " can't be run";
    return {};
  }

  /// Sees to the one call that may be under way, and begins the next.
  void let_in() {
    if (auto outcome = entry_.take()) on_outcome(*outcome);
    if (entry_.busy()) {
      if (!wedged_ && Clock::now() - entry_.since() > orders_.let_in) wedge();
      return;
    }
    if (spawns_.empty()) return;
    const SpawnOrder order = spawns_.front();
    spawns_.pop_front();
    what_ = "starting " + std::to_string(order.count) + " processes";
    relay_.tell({.kind = Kind::spawning, .address = order.host, .count = order.count});
    entry_.spawn(++last_ticket_, options_.spawn_command, order);
  }

  void wedge() {
    wedged_ = true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(orders_.let_in).count();
    relay_.tell({.kind = Kind::wedged,
                 .text = what_ + " did not end within " + std::to_string(seconds) + " s"});
    for (const SpawnOrder& order : spawns_) {
      relay_.tell({.kind = Kind::refused,
                   .address = order.host,
                   .count = order.count,
                   .text = "this gateway lets nobody in any more"});
    }
    spawns_.clear();
  }

  void on_outcome(const Entry::Outcome& outcome) {
    if (wedged_) relay_.tell({.kind = Kind::recovered});
    wedged_ = false;
    if (!outcome.failure.empty()) {
      relay_.tell({.kind = Kind::refused, .text = outcome.failure});
      return;
    }
    for (int rank = 0; rank < outcome.newcomers; ++rank) {
      transport_.add_peer(PeerId{++last_peer_}, outcome.comm, rank);
    }
  }

  const GatewayOptions& options_;
  MpiTransport transport_;
  Entry entry_;
  GatewayRelay relay_;
  GatewayOrders orders_;
  std::deque<SpawnOrder> spawns_;
  std::string what_;
  std::uint64_t last_ticket_ = 0;
  std::uint32_t last_peer_ = 0;
  bool wedged_ = false;
};

}  // namespace

std::string run_gateway(MpiSession& session, const GatewayOptions& options) {
  expects(session.rank() > 0, "rank 0 is no gateway");
  expects(!options.spawn_command.empty(), "a gateway knows what to start");
  GatewayProcess gateway(options);
  return gateway.run();
}

std::unique_ptr<Transport> make_spawned_transport(MpiOptions options) {
  MPI_Comm parent = MPI_COMM_NULL;
  MPI_Comm_get_parent(&parent);
  if (parent == MPI_COMM_NULL) return nullptr;
  MPI_Comm_set_errhandler(parent, MPI_ERRORS_RETURN);
  auto transport = std::make_unique<MpiTransport>(options);
  transport->add_peer(PeerId{0}, parent, 0);
  return transport;
}

}  // namespace raven
