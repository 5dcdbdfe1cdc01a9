#include "raven/transport/gateway.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "transport/door/door.hpp"
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
constexpr const char* lets_nobody_in = "this gateway lets nobody in any more";

class GatewayProcess {
 public:
  explicit GatewayProcess(const GatewayOptions& options)
      : options_(options),
        transport_(MpiOptions{}),
        entry_([this] { transport_.wake(); }),
        relay_(transport_,
               {.on_orders = [this](const GatewayOrders& orders) { on_orders(orders); },
                .on_spawn = [this](const SpawnOrder& order) { on_spawn(order); },
                .on_gone = [this](PeerId peer) { on_gone(peer); }},
               {.passage = options.passage}) {
    transport_.add_peer(master, MPI_COMM_WORLD, 0);
    transport_.await_life_line(MPI_COMM_WORLD);
  }

  std::string run() {
    while (!relay_.finished()) {
      relay_.step(patience);
      attend_door();
      let_in();
    }
    const auto deadline = Clock::now() + farewell;
    while (!relay_.flushed() && Clock::now() < deadline) relay_.step(std::chrono::milliseconds(1));
    return relay_.complaint();
  }

 private:
  using Answer = door::Answer;

  void on_orders(const GatewayOrders& orders) {
    orders_ = orders;
    mpi_server_ = mpi_server_of_environment();
    try {
      door_ = std::make_shared<door::Door>(door::Door::Options{.token = orders.token},
                                           [this] { transport_.wake(); });
    } catch (const InputError& error) {
      return relay_.tell({.kind = Kind::refused, .text = error.what()});
    }
    relay_.tell({.kind = Kind::open,
                 .address = door::own_addresses(),
                 .port = door_->port(),
                 .text = mpi_server_});
  }

  void attend_door() {
    if (!door_) return;
    for (const door::Door::Happening& happening : door_->take()) {
      if (happening.kind == door::Door::Happening::Kind::gone) {
        on_guest_gone(happening.guest);
      } else if (happening.knock.purpose == door::Knock::Purpose::spawn) {
        on_spawn_knock(happening.guest, {happening.knock.count, happening.knock.host});
      } else if (happening.knock.purpose == door::Knock::Purpose::leave) {
        relay_.tell({.kind = Kind::leave, .count = happening.knock.count});
        door_->answer(happening.guest, {Answer::Verdict::ordered, {}});
      } else {
        on_join_knock(happening.guest);
      }
    }
  }

  void on_spawn_knock(std::uint64_t guest, const SpawnOrder& order) {
    const std::string why = refusal(order);
    if (why.empty()) spawns_.push_back(order);
    door_->answer(guest, why.empty() ? Answer{Answer::Verdict::ordered, {}}
                                     : Answer{Answer::Verdict::refused, why});
  }

  void on_join_knock(std::uint64_t guest) {
    if (wedged_) return refuse(guest, lets_nobody_in);
    if (mpi_server_.empty()) {
      return refuse(guest,
                    "the run was started without ompi-server, so only 'raven spawn' can bring "
                    "contributors; start it with 'raven launch'");
    }
    guests_.push_back(guest);
  }

  void on_guest_gone(std::uint64_t guest) {
    if (std::erase(guests_, guest) > 0) return;
    if (entering_ == guest) {
      // The call is with somebody dead now, and most likely never returns.
      entering_gone_ = true;
      return wedge("a newcomer died while it came in");
    }
    const auto found = inside_.find(guest);
    if (found == inside_.end()) return;
    relay_.lose(found->second, "its process has ended");
    inside_.erase(found);
  }

  void on_gone(PeerId peer) {
    const auto found =
        std::ranges::find(inside_, peer, [](const auto& entry) { return entry.second; });
    if (found == inside_.end()) return;
    // So that it, too, learns that it is out.
    door_->put_out(found->first);
    inside_.erase(found);
  }

  void refuse(std::uint64_t guest, const std::string& why) {
    relay_.tell({.kind = Kind::refused, .text = why});
    door_->answer(guest, {Answer::Verdict::refused, why});
  }

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
    if (wedged_) return lets_nobody_in;
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
      if (!wedged_ && Clock::now() - entry_.since() > orders_.let_in) {
        const auto limit = std::chrono::duration_cast<std::chrono::seconds>(orders_.let_in);
        wedge(what_ + " did not end within " + std::to_string(limit.count()) + " s");
      }
      return;
    }
    if (!guests_.empty()) return accept_next();
    if (spawns_.empty()) return;
    const SpawnOrder order = spawns_.front();
    spawns_.pop_front();
    what_ = "starting " + std::to_string(order.count) + " processes";
    relay_.tell({.kind = Kind::spawning, .address = order.host, .count = order.count});
    entry_.spawn(++last_ticket_, options_.spawn_command, order);
  }

  void accept_next() {
    const std::uint64_t guest = guests_.front();
    guests_.pop_front();
    entering_ = guest;
    entering_gone_ = false;
    what_ = "letting a newcomer in";
    entry_.accept(++last_ticket_, [at = door_, guest](const std::string& port) {
      at->answer(guest, {Answer::Verdict::port, port});
    });
  }

  void wedge(const std::string& why) {
    if (wedged_) return;
    wedged_ = true;
    relay_.tell({.kind = Kind::wedged, .text = why});
    for (const std::uint64_t guest : std::exchange(guests_, {})) refuse(guest, lets_nobody_in);
    for (const SpawnOrder& order : spawns_) {
      relay_.tell({.kind = Kind::refused,
                   .address = order.host,
                   .count = order.count,
                   .text = lets_nobody_in});
    }
    spawns_.clear();
  }

  void on_outcome(const Entry::Outcome& outcome) {
    if (wedged_) relay_.tell({.kind = Kind::recovered});
    wedged_ = false;
    const std::optional<std::uint64_t> guest = std::exchange(entering_, std::nullopt);
    if (!outcome.failure.empty()) {
      if (guest) door_->put_out(*guest);
      relay_.tell({.kind = Kind::refused, .text = outcome.failure});
      return;
    }
    for (int rank = 0; rank < outcome.newcomers; ++rank) {
      transport_.add_peer(PeerId{++last_peer_}, outcome.comm, rank);
      // A guest has its connection to the door.
      if (!guest) transport_.offer_life_line(PeerId{last_peer_});
    }
    if (!guest) return;
    inside_.emplace(*guest, PeerId{last_peer_});
    if (!entering_gone_) return;
    relay_.step(std::chrono::microseconds(0));  // introduces it first
    on_guest_gone(*guest);
  }

  const GatewayOptions& options_;
  MpiTransport transport_;
  Entry entry_;
  GatewayRelay relay_;
  GatewayOrders orders_;
  std::shared_ptr<door::Door> door_;  ///< shared with a call that may never return
  std::string mpi_server_;
  std::deque<SpawnOrder> spawns_;
  std::deque<std::uint64_t> guests_;  ///< waiting to be let in
  std::optional<std::uint64_t> entering_;
  bool entering_gone_ = false;
  std::map<std::uint64_t, PeerId> inside_;  ///< guests that came in
  std::string what_;
  std::uint64_t last_ticket_ = 0;
  std::uint32_t last_peer_ = 0;
  bool wedged_ = false;
};

}  // namespace

std::string mpi_server_of_environment() {
  constexpr std::string_view file = "file:";
  for (const char* name : {"OMPI_MCA_pmix_server_uri", "PMIX_MCA_pmix_server_uri"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string address = value;
    if (address.starts_with(file)) {
      std::ifstream in(address.substr(file.size()));
      address.clear();
      std::getline(in, address);
    }
    return address;
  }
  return {};
}

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
  transport->await_life_line(parent);
  return transport;
}

}  // namespace raven
