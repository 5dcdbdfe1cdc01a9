#include "raven/cluster/flakiness.hpp"

#include <algorithm>
#include <cmath>

namespace raven {
namespace {

/// Below this a node has as good as never lost anybody.
constexpr double forgotten = 0.05;
constexpr std::size_t most_processes = 64;

}  // namespace

double Flakiness::faded(const Record& record, Instant now) {
  const std::chrono::duration<double> age = now - record.at;
  return record.deaths * std::exp2(-age / std::chrono::duration<double>(half_life));
}

double Flakiness::deaths(const std::string& node, Instant now) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? 0 : faded(found->second, now);
}

void Flakiness::died(const std::string& node, std::uint64_t pid, Instant now) {
  std::erase_if(nodes_, [&](const auto& entry) { return faded(entry.second, now) < forgotten; });
  if (nodes_.size() >= most_nodes && !nodes_.contains(node)) return;
  Record& record = nodes_[node];
  record.deaths = faded(record, now) + 1;
  record.at = now;
  std::erase_if(record.processes,
                [&](const auto& entry) { return now - entry.second > half_life; });
  if (record.processes.size() < most_processes) record.processes[pid] = now;
}

bool Flakiness::came_back(const std::string& node, std::uint64_t pid, Instant now) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || found->second.processes.erase(pid) == 0) return false;
  found->second.deaths = std::max(0.0, faded(found->second, now) - 1);
  found->second.at = now;
  return true;
}

bool Flakiness::is_barred(const std::string& node, Instant now) const {
  // What fades between two deaths in a row must not make the last of them miss the mark.
  return deaths(node, now) > bar_after_ - 0.5;
}

std::chrono::milliseconds Flakiness::rest(const std::string& node, Instant now) const {
  const double beyond = deaths(node, now) - free_deaths;
  if (beyond <= 0) return std::chrono::milliseconds(0);
  const double factor = std::exp2(std::min(std::floor(beyond), 16.0));
  return std::min(longest_rest, std::chrono::milliseconds(static_cast<std::int64_t>(
                                    static_cast<double>(first_rest.count()) * factor)));
}

}  // namespace raven
