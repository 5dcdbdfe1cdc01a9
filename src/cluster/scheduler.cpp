#include "raven/cluster/scheduler.hpp"

#include <algorithm>
#include <cmath>

namespace raven {
namespace {

using Bounds = std::vector<std::uint32_t>;  // bounds[i] .. bounds[i + 1] is worker i's run

/// Ends of the runs when `total` is cut in proportion to speed and every cut is rounded to a
/// multiple of `grain`.
Bounds proportional(std::uint32_t total, std::span<const Worker> workers, std::uint32_t grain) {
  double all = 0;
  for (const Worker& worker : workers) all += worker.speed;
  Bounds bounds{0};
  double before = 0;
  for (std::size_t i = 0; i + 1 < workers.size(); ++i) {
    before += workers[i].speed;
    const auto cut = static_cast<std::uint32_t>(std::llround(total * before / all / grain)) * grain;
    bounds.push_back(std::clamp(cut, bounds.back(), total));
  }
  bounds.push_back(total);
  return bounds;
}

double makespan(const Bounds& bounds, std::span<const Worker> workers) {
  double longest = 0;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    longest = std::max(longest, (bounds[i + 1] - bounds[i]) / workers[i].speed);
  }
  return longest;
}

void add_nodes(SnippetRange node, PeerId peer, std::uint32_t max_node,
               std::vector<Assignment>& out) {
  if (node.count <= max_node) {
    out.push_back({peer, node});
    return;
  }
  add_nodes(left_child(node), peer, max_node, out);
  add_nodes(right_child(node), peer, max_node, out);
}

}  // namespace

std::vector<Assignment> deal(SnippetRange root, std::span<const Worker> workers,
                             std::uint32_t max_node) {
  expects(!workers.empty(), "work is dealt out to somebody");
  std::vector<Bounds> candidates;
  double best = 0;
  for (std::uint32_t grain = 1; grain <= std::bit_ceil(root.count); grain *= 2) {
    candidates.push_back(proportional(root.count, workers, grain));
    const double time = makespan(candidates.back(), workers);
    if (grain == 1 || time < best) best = time;
  }
  const Bounds* chosen = nullptr;
  std::size_t fewest = 0;
  for (const Bounds& bounds : candidates) {
    if (makespan(bounds, workers) > 1.1 * best) continue;
    std::size_t nodes = 0;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      nodes += tree_cover({root.first + bounds[i], bounds[i + 1] - bounds[i]}, root).size();
    }
    if (chosen == nullptr || nodes < fewest) {
      chosen = &bounds;
      fewest = nodes;
    }
  }
  std::vector<Assignment> assignments;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const SnippetRange run{root.first + (*chosen)[i], (*chosen)[i + 1] - (*chosen)[i]};
    for (const SnippetRange node : tree_cover(run, root)) {
      add_nodes(node, workers[i].peer, max_node, assignments);
    }
  }
  return assignments;
}

std::vector<Assignment> deal_again(std::span<const SnippetRange> nodes,
                                   std::span<const Worker> workers, double rows_per_snippet) {
  expects(!workers.empty(), "work is dealt out to somebody");
  std::vector<Worker> loads(workers.begin(), workers.end());
  std::vector<SnippetRange> pieces(nodes.begin(), nodes.end());
  // One subtree for one survivor would leave the others idle: cut until there is a piece for each.
  while (pieces.size() < loads.size()) {
    const auto largest =
        std::max_element(pieces.begin(), pieces.end(),
                         [](SnippetRange a, SnippetRange b) { return a.count < b.count; });
    if (largest == pieces.end() || largest->count < 2) break;
    const SnippetRange node = *largest;
    *largest = left_child(node);
    pieces.push_back(right_child(node));
  }
  std::vector<Assignment> assignments;
  for (const SnippetRange node : pieces) {
    const double rows = node.count * rows_per_snippet;
    const auto first_done =
        std::min_element(loads.begin(), loads.end(), [&](const Worker& a, const Worker& b) {
          return (a.backlog + rows) / a.speed < (b.backlog + rows) / b.speed;
        });
    first_done->backlog += rows;
    assignments.push_back({first_done->peer, node});
  }
  return assignments;
}

}  // namespace raven
