#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// What a gateway needs to know before it lets anybody in.
struct GatewayOrders {
  Digest token;                             ///< whoever knows it may come in
  std::chrono::milliseconds let_in{10000};  ///< a newcomer takes longer: the gateway is wedged
  std::chrono::milliseconds master_lost_after{
      20000};  ///< silence of the master after which it ends
};

/// Processes to be started. `host` empty: where there is room.
struct SpawnOrder {
  std::uint32_t count = 1;
  std::string host = {};

  static constexpr std::uint32_t most = 64;  ///< in one order
};

/// What a gateway has to tell, for the log.
struct GatewayNote {
  enum class Kind : std::uint8_t {
    open,       ///< listens for newcomers at `address`:`port`; `text` is MPI's server, if any
    wedged,     ///< lets nobody in any more, because of `text`
    recovered,  ///< the call that wedged it has returned
    spawning,   ///< starts `count` processes at `address` (empty: anywhere)
    refused,    ///< could or would not do what was asked: `text`
    leave,      ///< somebody wants the master to let its peer `count` go
    lost,       ///< the gateway itself is gone, because of `text`
    last = lost
  };
  Kind kind = Kind::open;
  int gateway = 0;  ///< its rank, filled in by the master's side
  std::string address = {};
  std::uint16_t port = 0;
  std::uint32_t count = 0;
  std::string text = {};
};

struct RelayOptions {
  int gateways = 0;  ///< peers 1 to so many of the inner transport
  /// Newcomers get ids from here on. @pre above every inner peer that is no gateway
  std::uint32_t first_newcomer = 1;
  /// Bodies that a gateway keeps so that they need not travel again; the same in all processes.
  std::size_t kept_bytes = std::size_t{256} << 20;
  std::chrono::milliseconds heartbeat{500};
  /// Silence after which a gateway is given up, with all who came in through it.
  std::chrono::milliseconds lost_after{10000};
};

/// The master's side of its gateways: newcomers that are behind one are peers like others.
///
/// Gateways themselves are no peers: nothing is heard of them but notes, and what their Passage
/// says in their own name, as messages of the peer and gateway of their rank. All other peers of
/// the inner transport stay as they are.
class RelayTransport : public Transport {
 public:
  /// Lets gateways begin. Those that come later hear of it when they do.
  virtual void open(const GatewayOrders& orders) = 0;
  /// Has processes started through the first gateway that is not wedged. @return false: there is
  /// none
  virtual bool spawn(const SpawnOrder& order) = 0;
  /// What gateways told since the last call.
  [[nodiscard]] virtual std::vector<GatewayNote> take_notes() = 0;
  /// Lets gateways end, once their newcomers have what was sent to them. Also done on destruction.
  virtual void close() = 0;
};

/// @param inner knows the gateways as peers 1 to options.gateways
[[nodiscard]] std::unique_ptr<RelayTransport> make_relay_transport(std::unique_ptr<Transport> inner,
                                                                   RelayOptions options);

}  // namespace raven
