#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "raven/transport/both.hpp"
#include "transport/relay/gateway_relay.hpp"

namespace raven {

/// A gateway's relay on a thread: its master on one side, newcomers on the other, who get ids from
/// local_peer_base on.
class GatewayThread {
 public:
  GatewayThread(std::unique_ptr<Transport> to_master, std::unique_ptr<Transport> newcomers,
                std::unique_ptr<Passage> passage = {})
      : thread_([this, inner = std::move(to_master), outer = std::move(newcomers),
                 through = std::move(passage)]() mutable {
          const auto transport = make_both_transport(std::move(outer), std::move(inner));
          relay::GatewayRelay relay(
              *transport,
              {.on_orders = [this](const GatewayOrders& o) { orders.push_back(o); },
               .on_spawn = [this](const SpawnOrder& o) { spawns.push_back(o); },
               .on_gone = [this](PeerId peer) { gone.push_back(peer); }},
              {.passage = through.get()});
          while (!relay.finished()) relay.step(std::chrono::milliseconds(20));
          complaint_ = relay.complaint();
        }) {}
  ~GatewayThread() { (void)end(); }
  GatewayThread(const GatewayThread&) = delete;
  GatewayThread& operator=(const GatewayThread&) = delete;

  /// Waits until the relay has ended by itself. @return its complaint
  std::string end() {
    if (thread_.joinable()) thread_.join();
    return complaint_;
  }

  // Read after end().
  std::vector<GatewayOrders> orders;
  std::vector<SpawnOrder> spawns;
  std::vector<PeerId> gone;

 private:
  std::string complaint_;
  std::thread thread_;  // last, for it uses the others
};

}  // namespace raven
