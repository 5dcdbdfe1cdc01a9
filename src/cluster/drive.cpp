#include "raven/cluster/drive.hpp"

#include <algorithm>
#include <chrono>

#include "raven/core/error.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds tick_interval{20};
/// How long last words may take to leave before the process goes anyway.
constexpr std::chrono::seconds farewell{2};
/// How long a contributor that was asked to leave goes on with what it holds. Slurm, for one, kills
/// 30 s after it asked.
constexpr std::chrono::seconds parting{10};

void carry_out(MasterActions& actions, Transport& transport, const MasterHooks& hooks) {
  for (auto& [peer, message] : actions.sends) transport.send(peer, std::move(message));
  for (const PeerId peer : actions.drops) transport.drop(peer);
  for (const RunEvent& event : actions.events) hooks.on_event(event);
  for (const EpochResult& epoch : actions.epochs) {
    if (hooks.on_epoch) hooks.on_epoch(epoch);
  }
  if (actions.checkpoint) hooks.on_checkpoint(std::move(*actions.checkpoint));
  actions.sends.clear();
  actions.drops.clear();
  actions.events.clear();
  actions.epochs.clear();
  actions.checkpoint.reset();
}

bool is_leave(const Event& event) {
  if (event.kind != Event::Kind::message) return false;
  const std::optional<AnyMessage> message = decode(event.message.head);
  return message && std::holds_alternative<Leave>(*message);
}

/// Polls until all has left for `peers` or time is up. Of what comes only goodbyes matter: who has
/// gone takes nothing in any more, and waiting for it would cost the time that a stop has (mpirun
/// kills one second after it has passed on a SIGTERM).
void flush(Transport& transport, const std::vector<PeerId>& peers) {
  const auto deadline = Clock::now() + farewell;
  const auto all_flushed = [&] {
    return std::all_of(peers.begin(), peers.end(),
                       [&](PeerId peer) { return transport.flushed(peer); });
  };
  while (!all_flushed() && Clock::now() < deadline) {
    const std::optional<Event> event = transport.poll(std::chrono::milliseconds(1));
    if (event && is_leave(*event)) transport.drop(event->peer);
  }
}

std::vector<PeerId> peers_of(const Roster& roster) {
  std::vector<PeerId> peers;
  for (const Member& member : roster.all()) {
    if (member.state != Member::State::gone) peers.push_back(member.peer);
  }
  return peers;
}

}  // namespace

void drive_master(Master& master, Transport& transport, const MasterHooks& hooks) {
  MasterActions actions;
  auto next_tick = Clock::now();
  std::uint64_t step_seen = master.progress().step;
  transport.limit_bodies(master.largest_answer());
  try {
    while (!master.finished()) {
      const auto now = Clock::now();
      if (now >= next_tick) {
        next_tick = now + tick_interval;
        if (hooks.stop_requested()) master.request_stop();
        master.tick(now, actions);
        carry_out(actions, transport, hooks);
        hooks.on_progress(master.progress());
        continue;
      }
      const auto patience = std::chrono::duration_cast<std::chrono::microseconds>(next_tick - now);
      if (const std::optional<Event> event = transport.poll(patience)) {
        master.on(*event, Clock::now(), actions);
        carry_out(actions, transport, hooks);
        master.look_ahead();
        if (!hooks.after_step) continue;
        const MasterProgress progress = master.progress();
        if (progress.step != step_seen && !hooks.after_step(progress)) master.request_stop();
        step_seen = progress.step;
      }
    }
  } catch (const InputError& error) {
    const std::vector<PeerId> peers = peers_of(master.roster());
    for (const PeerId peer : peers) {
      transport.send(peer, encode(Finish{.refused = false, .reason = error.what()}));
    }
    flush(transport, peers);
    throw;
  }
  hooks.on_progress(master.progress());
  flush(transport, peers_of(master.roster()));
}

ContributorEnd drive_contributor(ContributorSetup setup, Transport& transport, ComputePool& compute,
                                 BufferPool& buffers,
                                 const std::function<bool()>& leave_requested) {
  const PeerId master{0};
  Contributor contributor(std::move(setup), Clock::now());
  Executor executor(compute, buffers, [&transport] { transport.wake(); });
  ContributorActions actions;
  std::vector<ComputeEvent> computed;
  const auto carry_out = [&] {
    for (Message& message : actions.sends) transport.send(master, std::move(message));
    if (actions.forget_before) executor.forget_before(*actions.forget_before);
    for (SnippetBatch& batch : actions.starts) executor.start(std::move(batch));
    actions = {};
  };
  contributor.begin(actions);
  carry_out();
  auto next_tick = Clock::now();
  while (!contributor.finished()) {
    const auto patience =
        std::chrono::duration_cast<std::chrono::microseconds>(next_tick - Clock::now());
    if (const auto event = transport.poll(std::max(patience, std::chrono::microseconds(0)))) {
      contributor.on(*event, Clock::now(), actions);
      carry_out();
    }
    computed.clear();
    executor.drain(computed);
    for (ComputeEvent& event : computed)
      contributor.on_computed(std::move(event), Clock::now(), actions);
    const auto now = Clock::now();
    if (now >= next_tick) {
      next_tick = now + tick_interval;
      if (leave_requested()) contributor.leave(parting, now, actions);
      contributor.tick(now, actions);
    }
    carry_out();
  }
  flush(transport, {master});
  return contributor.ending();
}

void dismiss(Transport& transport, const std::vector<PeerId>& peers, const std::string& reason) {
  for (const PeerId peer : peers) {
    transport.send(peer, encode(Finish{.refused = false, .reason = reason}));
  }
  flush(transport, peers);
}

SampleSource open_offered_dataset(const DatasetOffer& offer, std::uint64_t cache_bytes) {
  try {
    auto dataset = std::make_shared<const Dataset>(read_manifest(offer.manifest),
                                                   DatasetOptions{.cache_bytes = cache_bytes});
    // Another data set under the same name would give other gradients: better to be sent the rows.
    if (dataset->manifest().identity() != offer.identity || dataset->size() != offer.rows ||
        dataset->schema() != offer.schema) {
      return {};
    }
    return source_of(std::move(dataset));
  } catch (const InputError&) {
    return {};
  }
}

SampleSource source_of(std::shared_ptr<const Dataset> dataset) {
  return [dataset = std::move(dataset)](std::span<const std::int64_t> samples,
                                        const RowViews& to) -> std::string {
    try {
      dataset->read(samples, to);
      return {};
    } catch (const InputError& error) {
      return error.what();
    }
  };
}

}  // namespace raven
