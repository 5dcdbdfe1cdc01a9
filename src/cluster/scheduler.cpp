#include "raven/cluster/scheduler.hpp"

#include <algorithm>
#include <cmath>

#include "raven/cluster/protocol.hpp"

namespace raven {
namespace {

using Bounds = std::vector<std::uint32_t>;  // bounds[i] .. bounds[i + 1] is worker i's run

/// At which a gradient is sent, received and added, about; and that a message costs in any case.
constexpr double bytes_per_second = 1e9;
constexpr double seconds_per_message = 1e-4;
/// In which nobody needs help: messages and a busy machine take their time, too.
constexpr double seconds_of_noise = 5e-3;

double cost_of(double gradient_bytes) {
  return gradient_bytes / bytes_per_second + seconds_per_message;
}

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

std::vector<Assignment> cut(SnippetRange root, const Bounds& bounds,
                            std::span<const Worker> workers) {
  std::vector<Assignment> assignments;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const SnippetRange run{root.first + bounds[i], bounds[i + 1] - bounds[i]};
    for (const SnippetRange node : tree_cover(run, root)) {
      add_nodes(node, workers[i].peer, workers[i].max_node, assignments);
    }
  }
  return assignments;
}

}  // namespace

std::vector<Assignment> deal(SnippetRange root, std::span<const Worker> workers) {
  expects(!workers.empty(), "work is dealt out to somebody");
  std::vector<Bounds> candidates;
  double best = 0;
  for (std::uint32_t grain = 1; grain <= std::bit_ceil(root.count); grain *= 2) {
    candidates.push_back(proportional(root.count, workers, grain));
    const double time = makespan(candidates.back(), workers);
    if (grain == 1 || time < best) best = time;
  }
  std::vector<Assignment> chosen;
  for (const Bounds& bounds : candidates) {
    if (makespan(bounds, workers) > 1.1 * best) continue;
    std::vector<Assignment> assignments = cut(root, bounds, workers);
    if (chosen.empty() || assignments.size() < chosen.size()) chosen = std::move(assignments);
  }
  return chosen;
}

std::uint32_t largest_node(double rows_per_snippet, double rows_per_second, double gradient_bytes) {
  const double snippets = 20 * cost_of(gradient_bytes) * rows_per_second / rows_per_snippet;
  return static_cast<std::uint32_t>(
      std::clamp(std::ceil(snippets), 1.0, 1.0 * Lease::max_snippets));
}

bool worth_helping(double remaining, double own, double gradient_bytes) {
  return remaining > 2 * (own + cost_of(gradient_bytes)) + seconds_of_noise;
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
