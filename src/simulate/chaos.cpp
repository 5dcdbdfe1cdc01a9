#include "simulate/chaos.hpp"

#include <algorithm>

#include "simulate/run.hpp"

namespace raven::simulated {
namespace {

/// A run of a thousand steps meets more than one of ten, within reason.
constexpr std::uint32_t most_faults = 200;
/// A fault that finds nobody to happen to tries again.
constexpr int most_attempts = 6;
constexpr Duration attempt_interval = seconds(0.4);

}  // namespace

Chaos::Chaos(Run& run, FaultSet kinds, Duration usual)
    : run_(run), world_(run.world()), usual_(usual), last_(world_.agenda.now()) {
  for (const FaultDef& def : fault_table()) {
    if (kinds.has(def.kind)) kinds_.push_back(def.kind);
  }
}

void Chaos::plan() {
  if (kinds_.empty()) return;
  const auto longer = static_cast<std::uint32_t>(std::chrono::duration<double>(usual_).count() / 2);
  const std::uint32_t count = 2 + world_.random.below(std::min(10 + longer, most_faults));
  for (std::uint32_t i = 0; i < count; ++i) {
    const FaultKind kind = kinds_[world_.random.below(static_cast<std::uint32_t>(kinds_.size()))];
    // Faults prolong a run; some come late.
    const double share = static_cast<double>(world_.random.uniform(0, 1.5F));
    const Instant when = world_.agenda.now() +
                         std::chrono::duration_cast<Duration>(usual_ * share) +
                         world_.time_between(1e-3, 3);
    last_ = std::max(last_, when);
    world_.agenda.at(when, [this, kind] { happen(kind, most_attempts); });
  }
  last_ += most_attempts * attempt_interval;
  // All that is promised is that the run ends as long as somebody sound is there.
  world_.agenda.at(last_ + seconds(1), [this] { run_.join(-1); });
}

void Chaos::happen(FaultKind kind, int attempts) {
  if (run_.trained()) return;
  if (strike(kind)) {
    ++done_;
  } else if (attempts > 1) {
    world_.agenda.after(attempt_interval, [this, kind, attempts] { happen(kind, attempts - 1); });
  }
}

bool Chaos::strike(FaultKind kind) {
  switch (kind) {
    case FaultKind::join_storm:
      storm();
      return true;
    case FaultKind::partition:
      partition();
      return true;
    case FaultKind::crash:
    case FaultKind::stop:
    case FaultKind::torn:
      return strike_master(kind);
    case FaultKind::pause:
      return world_.chance(0.25) ? strike_master(kind) : strike_contributor(kind);
    default:
      break;
  }
  if (!run_.disk().arm(kind)) return strike_contributor(kind);
  // A checkpoint that is missing is missed only by the next master.
  if (world_.chance(0.6)) {
    world_.agenda.after(world_.time_between(0.05, 3), [this] { strike_master(FaultKind::crash); });
  }
  return true;
}

bool Chaos::strike_master(FaultKind kind) {
  if (!run_.has_master()) return false;
  if (kind == FaultKind::pause) {
    const Duration time = world_.time_between(0.05, 30);
    world_.note([] { return std::string("the master stands still"); });
    run_.pause_master(time);
  } else if (kind == FaultKind::stop) {
    run_.stop_master();
  } else if (kind == FaultKind::torn) {
    if (!run_.disk().damage_newest()) return false;
    world_.note([] { return std::string("disk: the newest checkpoint is damaged"); });
    run_.crash_master();
  } else {
    run_.crash_master();
  }
  return true;
}

bool Chaos::strike_contributor(FaultKind kind) {
  const std::vector<Peer*> alive = run_.alive();
  if (alive.empty()) return false;
  Peer& peer = *alive[world_.random.below(static_cast<std::uint32_t>(alive.size()))];
  ContributorProcess& process = *peer.process;
  Lane& lane = world_.chance(0.5) ? *peer.up : *peer.down;
  if (lane.arm(kind, world_.random.below(12))) return true;
  const Instant now = world_.agenda.now();
  if (kind == FaultKind::die_before) {
    process.die_before_computing();
  } else if (kind == FaultKind::die_after) {
    process.die_after_results(world_.random.below(12));
  } else if (kind == FaultKind::leave) {
    process.leave();
  } else if (kind == FaultKind::bad_shard) {
    *peer.shards_readable = false;
  } else if (kind == FaultKind::slow) {
    world_.note([&] { return process.name() + " becomes slow"; });
    process.slow_down(world_.between(2, 100), now + world_.time_between(0.5, 30));
  } else {
    const Instant until = now + world_.time_between(0.05, 30);
    world_.note([&] { return process.name() + " stands still"; });
    process.sleep_until(until);
    peer.down->hold_until(until);
  }
  return true;
}

void Chaos::storm() {
  const std::uint32_t count = 5 + world_.random.below(20);
  world_.note([&] { return std::to_string(count) + " come at once"; });
  for (std::uint32_t i = 0; i < count; ++i) {
    world_.agenda.after(world_.time_between(1e-5, 0.05), [this] {
      if (run_.trained() || !run_.has_master()) return;
      run_.join(-1);
      Peer& peer = *run_.alive().back();
      const std::uint32_t fate = world_.random.below(4);
      if (fate == 0) return;
      if (fate == 1) return peer.process->die_before_computing();
      world_.agenda.after(world_.time_between(1e-5, 2), [&process = *peer.process, fate] {
        fate == 2 ? process.die() : process.leave();
      });
    });
  }
}

void Chaos::partition() {
  const Instant until = world_.agenda.now() + world_.time_between(0.05, 30);
  const bool everybody = world_.chance(0.3);
  for (Peer* peer : run_.alive()) {
    if (!everybody && world_.chance(0.5)) continue;
    world_.note([&] { return "no way between " + peer->process->name() + " and the master"; });
    peer->up->hold_until(until);
    peer->down->hold_until(until);
  }
}

}  // namespace raven::simulated
