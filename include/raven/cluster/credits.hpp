#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "raven/cluster/roster.hpp"

namespace raven {

/// What one contributing process has done in a run, over all lives of its master.
struct Credit {
  std::string node;
  std::uint64_t pid = 0;
  std::uint64_t processes = 1;  ///< more than one, and no pid: several of a node added up
  std::uint32_t peer = 0;       ///< the number that the master gave it last
  std::uint32_t threads = 0;
  std::string core;
  std::uint64_t snippets = 0;  ///< each is credited once, to whoever's result was used
  std::uint64_t rows = 0;
  std::uint64_t compute_ns = 0;
  bool here = false;  ///< now; never so of what was read
};

/// Entries that a list of credits has at most; beyond it the oldest of those who are gone are added
/// up by node.
inline constexpr std::size_t most_credits = 1024;

/// Everybody who took part: those of earlier lives, then those of the roster, each process once.
[[nodiscard]] std::vector<Credit> credits_of(const std::vector<Credit>& earlier,
                                             const Roster& roster);

/// A JSON array, for checkpoints: docs/formats/checkpoint.md.
[[nodiscard]] std::string credits_to_json(const std::vector<Credit>& credits);
/// @throws InputError when the text is no such array
[[nodiscard]] std::vector<Credit> credits_from_json(const std::string& text);

}  // namespace raven
