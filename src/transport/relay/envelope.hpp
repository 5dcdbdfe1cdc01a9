#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "raven/core/bytes.hpp"
#include "raven/core/digest.hpp"
#include "raven/transport/relay.hpp"

// What the master's relay transport and a gateway say to each other: each struct is the head of one
// message. A head is a u32 magic "RVG1", a u32 FNV-1a of what follows, a u8 kind (its place in
// AnyEnvelope), then the fields in their order, little-endian; strings and lists have a u32 length
// in front. A newcomer is known by the number that its gateway gave it, never given twice, rising.
namespace raven::relay {

/// Gateway to master: somebody came.
struct Joined {
  std::uint32_t newcomer = 0;
};

/// Gateway to master: somebody is gone.
struct Lost {
  std::uint32_t newcomer = 0;
  std::string reason;
};

/// Either way: a message to or from a newcomer, or number 0, the gateway itself. The rest of the
/// envelope is the message's head.
struct Carried {
  enum class Body : std::uint8_t {
    none,
    here,       ///< the body of this message
    here_keep,  ///< the same, to be kept under `body`
    kept        ///< the one that was kept under `body`
  };
  std::uint32_t newcomer = 0;
  bool long_head = false;  ///< the head came before, as a LongHead
  Body place = Body::none;
  std::uint64_t body = 0;
  std::uint64_t keep_from = 0;  ///< bodies with smaller numbers may be forgotten
  ByteSpan head = {};
};

/// Either way, right before its Carried: a head that has no room in an envelope; it is the body.
struct LongHead {
  std::uint32_t newcomer = 0;
};

/// Gateway to master: so many more messages have left for each of these newcomers.
struct Departed {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> counts;
};

/// Master to gateway: forget a newcomer.
struct Dropped {
  std::uint32_t newcomer = 0;
};

/// Either way: still here.
struct Alive {};

/// Master to gateway: the run is over, or about to be.
struct Close {};

using AnyEnvelope = std::variant<Joined, Lost, Carried, LongHead, Departed, Dropped, Alive, Close,
                                 GatewayOrders, SpawnOrder, GatewayNote>;

/// Room that a Carried needs beside the head that it carries.
constexpr std::size_t envelope_room = 4 + 4 + 1 + 4 + 1 + 1 + 8 + 8;
/// Longer texts are cut.
constexpr std::size_t longest_text = 1000;

[[nodiscard]] Bytes encode(const AnyEnvelope& envelope);
/// None when it is malformed. A Carried sees the bytes of `head`.
[[nodiscard]] std::optional<AnyEnvelope> decode(ByteSpan head);

}  // namespace raven::relay
