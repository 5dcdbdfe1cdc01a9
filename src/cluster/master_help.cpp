// Work of slow contributors, given to those that have nothing to do.
#include <algorithm>
#include <chrono>

#include "cluster/master_impl.hpp"
#include "raven/cluster/scheduler.hpp"

namespace raven {
namespace {

/// Below this a lease is never late: messages and a busy machine take their time, too.
constexpr std::chrono::milliseconds lateness_ignored{50};

/// How many times the expected duration a lease may take before idle contributors help. What is
/// known of one that has done nothing yet is a guess.
std::chrono::duration<double> lateness_allowed(const Member& holder) {
  return std::chrono::duration<double>(holder.warm ? 1.5 : 4.0);
}

}  // namespace

double Master::Impl::seconds_left(const OpenLease& lease, Instant now) {
  const Member& holder = *roster.find_ever(lease.peer);
  const Phase::Pace& pace = phase->pace(lease.peer);
  const std::chrono::duration<double> busy = now - pace.since;
  const std::chrono::duration<double> since_last = now - pace.last;
  // At its usual speed; but no earlier than if it were done right now with the one it is at.
  const double usual = phase->rows_until(lease) / roster.speed_of(holder) - since_last.count();
  const auto first =
      std::find_if(phase->leases.begin(), phase->leases.end(),
                   [&](const OpenLease& other) { return other.open && other.peer == lease.peer; });
  const auto at = static_cast<double>(phase->rows(first->node));
  return std::max(usual, (phase->rows_until(lease) - at) * busy.count() / (pace.rows + at));
}

bool Master::Impl::is_late(const OpenLease& lease, Instant now) {
  const Member& holder = *roster.find_ever(lease.peer);
  const double expected = phase->rows_until(lease) / roster.speed_of(holder);
  return now - phase->pace(lease.peer).last >=
         lateness_allowed(holder) * expected + lateness_ignored;
}

bool Master::Impl::help(std::size_t index, std::span<const Worker> idle, Instant now) {
  OpenLease& lease = phase->leases[index];
  const SnippetRange node = lease.node;
  const auto rows = static_cast<double>(phase->rows(node));
  if (is_late(lease, now)) {
    lease.late = true;
    emit("late",
         {{"peer", std::int64_t{lease.peer.value}},
          {"step", static_cast<std::int64_t>(phase->step)}},
         now);
  } else {
    // The fastest of them alone: to cut it would cost more gradients.
    const auto fastest = std::max_element(
        idle.begin(), idle.end(),
        [](const Worker& left, const Worker& right) { return left.speed < right.speed; });
    if (lease.helped || !roster.find_ever(lease.peer)->warm ||
        !worth_helping(seconds_left(lease, now), rows / fastest->speed, gradient_bytes())) {
      return false;
    }
    lease.helped = true;
    idle = {fastest, 1};
  }
  for (const Assignment& assignment : deal_again({&node, 1}, idle, rows / node.count)) {
    send_lease(*roster.find(assignment.peer), assignment.node, now);
  }
  return true;
}

void Master::Impl::help_slow_ones(Instant now) {
  if (!phase || !phase->returned.empty()) return;
  const auto idle = [&] {
    std::vector<Worker> found = workers({});
    std::erase_if(found, [](const Worker& worker) { return worker.backlog > 0; });
    return found;
  };
  std::vector<Worker> helpers = idle();
  if (helpers.empty()) return;
  // What is done last first. By position: handing out appends to the leases.
  std::vector<std::pair<double, std::size_t>> slow;
  for (std::size_t i = 0; i < phase->leases.size(); ++i) {
    const OpenLease& lease = phase->leases[i];
    if (!lease.open || lease.late || lease.overdue || phase->covers(lease.node)) continue;
    if (roster.find(lease.peer) == nullptr) continue;
    slow.emplace_back(seconds_left(lease, now), i);
  }
  std::sort(slow.begin(), slow.end(), std::greater<>());
  bool helped = false;
  for (const auto& [left, index] : slow) {
    const SnippetRange node = phase->leases[index].node;
    std::vector<Worker> able = helpers;
    std::erase_if(able, [&](const Worker& worker) { return doubts(worker.peer, node); });
    if (able.empty() || !help(index, able, now)) continue;
    helped = true;
    helpers = idle();
    if (helpers.empty()) break;
  }
  if (helped) have_sums_sent();
}

}  // namespace raven
