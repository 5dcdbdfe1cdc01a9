#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "raven/core/contract.hpp"
#include "raven/transport/transport.hpp"

namespace raven::conformance {

/// One process, or one thread that plays a process, in a scenario.
struct World {
  Transport& transport;
  int index = 0;  ///< 0 is the master
  int contributors = 0;
  /// Bodies above this must be refused.
  std::size_t max_body_bytes = 0;
  /// Messages that may be on their way to a peer that takes none; 0: any number.
  std::size_t window = 0;
  /// Whether the end of a peer brings Event::lost (within this process it does, under MPI nobody
  /// tells).
  bool deaths_are_seen = true;
  /// Ends this contributor without a word. `transport` must not be touched afterwards.
  std::function<void()> die;

  [[nodiscard]] bool is_master() const { return index == 0; }
};

/// What every transport must do, as a conversation between a master and its contributors.
struct Scenario {
  const char* name;
  int fewest_contributors;
  /// Plays the part of `world.index`. @throws std::runtime_error when the transport breaks a
  /// promise.
  void (*play)(World& world);
};

[[nodiscard]] std::span<const Scenario> scenarios();

/// @throws std::runtime_error naming the promise that was broken
void require(bool kept, const char* promise, Where where = Where::here());

}  // namespace raven::conformance
