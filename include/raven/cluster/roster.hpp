#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "raven/cluster/protocol.hpp"
#include "raven/core/digest.hpp"

namespace raven {

/// A moment on the clock of this process. State machines are told the time, they never ask.
using Instant = std::chrono::steady_clock::time_point;

/// What the master knows of one contributor.
struct Member {
  enum class State : std::uint8_t { greeted, ready, leaving, gone };

  PeerId peer;
  State state = State::greeted;
  Hello hello;
  std::uint32_t gateway = 0;           ///< that it came in through; 0: none
  std::vector<std::uint8_t> readable;  ///< per data set
  std::vector<std::uint64_t>
      parameter_versions;  ///< last sent, per ParameterId; no_version for never
  std::unordered_set<Digest, DigestHash> graphs;  ///< sent
  std::size_t graph_bytes = 0;                    ///< of those of samples
  Instant last_heard{};
  double speed = 0;  ///< rows per second, running mean; 0 when not known yet
  /// How long it took for what it has done of a step.
  struct Timing {
    std::uint64_t work = 0;
    double rows = 0;
    double seconds = 0;
  };
  Timing timing = {};
  bool warm = false;                        ///< has done its part of a step
  bool worked = false;                      ///< has been given one
  std::optional<Instant> idle_since = {};   ///< owes nothing, having worked before
  std::optional<Instant> rests_until = {};  ///< given no work before, if others are there
  std::uint64_t snippets = 0;               ///< done, in all
  std::uint64_t rows = 0;
  std::uint64_t compute_ns = 0;

  static constexpr std::uint64_t no_version = Ready::no_version;

  /// Frees what only a member that is here needs.
  void forget() {
    parameter_versions = {};
    graphs = {};
  }
};

/// Everybody who ever said hello, in order of arrival.
class Roster {
 public:
  /// Null when the peer is not here (any more).
  [[nodiscard]] Member* find(PeerId peer);
  /// Whoever said hello under that name once, whether or not it is still here; null for nobody.
  [[nodiscard]] Member* find_ever(PeerId peer);
  Member& add(Member member);
  [[nodiscard]] std::vector<Member>& all() { return members_; }
  [[nodiscard]] const std::vector<Member>& all() const { return members_; }
  [[nodiscard]] int ready_count() const;
  /// Whether anybody's speed was measured; if not, speed_of() only compares.
  [[nodiscard]] bool knows_speeds() const;
  /// Expected rows per second: measured, or guessed from the threads and what others do per thread.
  [[nodiscard]] double speed_of(const Member& member) const;

 private:
  std::vector<Member> members_;
};

}  // namespace raven
