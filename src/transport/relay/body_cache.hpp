#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "raven/core/blob.hpp"
#include "transport/relay/envelope.hpp"

namespace raven::relay {

/// Bodies below this are not worth a number.
constexpr std::size_t smallest_kept = 4096;

/// The sending end of a gateway's kept bodies: decides which travel as a number only.
///
/// Handles are kept, so that an address is not used again while it is known here.
class SentBodies {
 public:
  explicit SentBodies(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Fills in where `body` is to be found.
  /// @param shared whether there may be others to send it to; if not, nothing is kept
  /// @return what has to travel: `body`, or nothing
  [[nodiscard]] Blob place(const Blob& body, bool shared, Carried& carried);

 private:
  struct Kept {
    Blob body;
    std::uint64_t number;
  };
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;
  std::deque<Kept> kept_;  ///< oldest first, numbers without gaps
  std::map<std::pair<const std::byte*, std::size_t>, std::uint64_t> by_place_;
};

/// The receiving end. It follows the sender and only checks that no more is kept than was agreed.
class ReceivedBodies {
 public:
  explicit ReceivedBodies(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// The body that an envelope means. None when it breaks the rules.
  [[nodiscard]] std::optional<Blob> resolve(const Carried& carried, Blob travelled);

 private:
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 1;  ///< number of the oldest
  std::deque<Blob> kept_;
};

}  // namespace raven::relay
