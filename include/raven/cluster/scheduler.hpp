#pragma once

#include <span>
#include <vector>

#include "raven/snippet/tree.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// What the scheduler knows of a contributor.
struct Worker {
  PeerId peer;
  double speed = 1;            ///< rows per second, measured; any unit does as long as all use it
  double backlog = 0;          ///< rows that it has been handed and not finished
  std::uint32_t max_node = 1;  ///< snippets in one subtree that deal() hands out, at most
};

/// One subtree for one contributor.
struct Assignment {
  PeerId peer;
  SnippetRange node;
};

/// Deals all snippets of a step out in proportion to speed, each contributor a run of neighbours.
/// Among splits that end the step within a tenth of the earliest possible moment, the one with the
/// fewest subtrees is taken, since each subtree costs one gradient on the wire. Pure; ties go to
/// the lower peer.
/// @pre workers is not empty
[[nodiscard]] std::vector<Assignment> deal(SnippetRange root, std::span<const Worker> workers);

/// The largest subtree worth handing out as one. What a contributor has not begun others can take
/// over, so small ones are better, as long as the time that each gradient costs stays small beside
/// the time it takes to compute.
/// @param rows_per_second of the contributor  @param gradient_bytes sent for each subtree
[[nodiscard]] std::uint32_t largest_node(double rows_per_snippet, double rows_per_second,
                                         double gradient_bytes);

/// Whether one that has nothing to do should do what another holds as well.
/// @param remaining seconds until that one is expected to be done with it
/// @param own seconds that it would take the idle one
/// @param gradient_bytes sent once more
[[nodiscard]] bool worth_helping(double remaining, double own, double gradient_bytes);

/// Hands subtrees that came back (a contributor was lost or failed) to whoever will be done with
/// them first.
[[nodiscard]] std::vector<Assignment> deal_again(std::span<const SnippetRange> nodes,
                                                 std::span<const Worker> workers,
                                                 double rows_per_snippet);

}  // namespace raven
