#pragma once

#include <span>
#include <vector>

#include "raven/snippet/tree.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// What the scheduler knows of a contributor.
struct Worker {
  PeerId peer;
  double speed = 1;    ///< rows per second, measured; any unit does as long as all use it
  double backlog = 0;  ///< rows that it has been handed and not finished
};

/// One subtree for one contributor.
struct Assignment {
  PeerId peer;
  SnippetRange node;
};

/// Deals all snippets of a step out in proportion to speed, each contributor a run of neighbours.
/// Among splits that end the step within a tenth of the earliest possible moment, the one with the
/// fewest subtrees is taken, since each subtree costs one gradient on the wire. Nodes are cut to at
/// most `max_node` snippets. Pure; ties go to the lower peer.
/// @pre workers is not empty
[[nodiscard]] std::vector<Assignment> deal(SnippetRange root, std::span<const Worker> workers,
                                           std::uint32_t max_node);

/// Hands subtrees that came back (a contributor was lost or failed) to whoever will be done with
/// them first.
[[nodiscard]] std::vector<Assignment> deal_again(std::span<const SnippetRange> nodes,
                                                 std::span<const Worker> workers,
                                                 double rows_per_snippet);

}  // namespace raven
