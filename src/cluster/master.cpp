#include "raven/cluster/master.hpp"

#include <algorithm>
#include <utility>

#include "cluster/master_impl.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/row_sink.hpp"

namespace raven {
namespace {

constexpr int max_threads_claimed = 4096;
/// Bytes in a name that a contributor gives.
constexpr std::size_t max_name = 255;
/// After it was told why, somebody who was refused is cut off.
constexpr std::chrono::seconds patience_with_refused{2};

}  // namespace

Master::Impl::Impl(MasterSetup setup_in, ParameterStore parameters, ComputePool& compute_in,
                   BufferPool& buffers_in, Instant now)
    : setup(std::move(setup_in)),
      compute(compute_in),
      buffers(buffers_in),
      model(setup.train, std::move(parameters), buffers_in),
      sampler{.seed = setup.train.seed,
              .size = setup.datasets.at(0).rows,
              .batch = setup.train.batch,
              .order = carries()             ? SampleOrder::streams
                       : setup.train.shuffle ? SampleOrder::shuffled
                                             : SampleOrder::sequential},
      schedule(find_schedule(setup.train.schedule.type)),
      started(now),
      seconds_before(setup.seconds_before),
      last_checkpoint(now),
      last_heartbeat(now),
      last_tick(now) {
  expects(schedule != nullptr, "a job's schedule is in the table");
  if (const std::string flaw = model.flaw(); !flaw.empty()) {
    throw InputError(flaw + " not a finite number before the first step",
                     "look at how the model begins: an initialiser's or a layer's options");
  }
  for (const Parameter& parameter : model.parameters().all()) {
    gradient_sizes.push_back(parameter.value.type().bytes());
  }
  steps = static_cast<std::uint64_t>(sampler.steps_per_epoch() * setup.train.epochs);
  if (carries() && has_valid()) {
    valid_sampler = sampler;
    valid_sampler.size = setup.datasets[1].rows;
  }
  if (setup.train.max_steps > 0) {
    steps = std::min(steps, static_cast<std::uint64_t>(setup.train.max_steps));
  }
  if (setup.train.group_by_length > 0) {
    expects(setup.record_sample && setup.length, "samples that are grouped by length have one");
    length_groups.emplace(sampler, setup.train.group_by_length, setup.length);
  }
}

void Master::Impl::send(PeerId peer, const AnyMessage& message, Blob body) {
  out->sends.emplace_back(peer, encode(message, std::move(body)));
}

void Master::Impl::emit(std::string kind,
                        std::vector<std::pair<std::string, RunEvent::Field>> fields, Instant now) {
  fields.insert(fields.begin(), {"t", seconds(now)});
  out->events.push_back({std::move(kind), std::move(fields)});
}

void Master::Impl::on_message(const Event& event, Instant now) {
  const PeerId peer = event.peer;
  const Message& message = event.message;
  if (event.gateway != 0 && peer == gateway_peer(event.gateway)) {
    return on_gateway(event.gateway, message, now);
  }
  const std::optional<AnyMessage> decoded = decode(message.head);
  if (!decoded) return distrust(peer, "a malformed message", now);
  if (const auto* hello = std::get_if<Hello>(&*decoded)) {
    return on_hello(peer, event.gateway, *hello, now);
  }

  Member* member = roster.find(peer);
  // What a lost contributor had sent before it was given up still trickles in; it is nobody's
  // fault.
  if (member == nullptr) return;
  member->last_heard = now;
  if (std::holds_alternative<Heartbeat>(*decoded)) return;
  if (const auto* ready = std::get_if<Ready>(&*decoded)) return on_ready(*member, *ready, now);
  if (const auto* stats = std::get_if<StatsMessage>(&*decoded)) {
    return on_stats(*member, *stats, message.body, now);
  }
  if (const auto* gradient = std::get_if<GradientMessage>(&*decoded)) {
    return on_gradient(*member, *gradient, message.body, now);
  }
  if (const auto* done = std::get_if<DoneMessage>(&*decoded)) return on_done(*member, *done, now);
  if (const auto* failed = std::get_if<FailedMessage>(&*decoded)) {
    return on_failed(*member, *failed, now);
  }
  if (const auto* leave = std::get_if<Leave>(&*decoded)) return on_leave(*member, *leave, now);
  distrust(peer, "a message that only a master sends", now);
}

void Master::Impl::on_hello(PeerId peer, std::uint32_t gateway, const Hello& hello, Instant now) {
  // One who stays after it was told to go is cut off soon.
  if (std::any_of(refused.begin(), refused.end(),
                  [&](const auto& entry) { return entry.first == peer; })) {
    return;
  }
  const auto is_long = [](const std::string& name) { return name.size() > max_name; };
  if (is_long(hello.numerics.core) || is_long(hello.numerics.library) ||
      is_long(hello.numerics.vectors) || is_long(hello.node)) {
    return distrust(peer, "an impossible name", now);
  }
  const auto refuse = [&](const std::string& reason) {
    refused.emplace_back(peer, now);
    send(peer, Finish{.refused = true, .reason = reason});
    emit("refused", {{"peer", std::int64_t{peer.value}}, {"node", hello.node}, {"reason", reason}},
         now);
  };
  if (roster.find_ever(peer) != nullptr) return distrust(peer, "a second greeting", now);
  if (hello.protocol != protocol_version) {
    return refuse("this master speaks protocol " + std::to_string(protocol_version) + ", not " +
                  std::to_string(hello.protocol) + "; use the same version of raven on both sides");
  }
  if (hello.threads < 1 || hello.threads > max_threads_claimed) {
    return distrust(peer, "an impossible number of threads", now);
  }
  const auto gap = gap_between(hello.numerics, setup.numerics, "the master has");
  if (gap && setup.contributors.numerics == ContributorSpec::Numerics::strict) {
    return refuse("its arithmetic may give other bits than the master's (" + gap->difference +
                  "); " + gap->remedy + ", or say `contributors: {numerics: any}` in the job");
  }
  (void)flakiness.came_back(hello.node, hello.pid, now);
  const bool others_are_there = roster.ready_count() > 0;
  if (others_are_there && flakiness.is_barred(hello.node, now)) {
    return refuse("contributors on " + hello.node +
                  " keep dying; it may try again in some minutes");
  }
  const auto here =
      std::count_if(roster.all().begin(), roster.all().end(), [](const Member& other) {
        return other.state == Member::State::greeted || other.state == Member::State::ready;
      });
  if (setup.contributors.max > 0 && here >= setup.contributors.max) {
    return refuse("the run has as many contributors as it wants (contributors.max is " +
                  std::to_string(setup.contributors.max) + ")");
  }
  Member member{.peer = peer,
                .hello = hello,
                .gateway = gateway,
                .readable = {},
                .parameter_versions = {},
                .graphs = {}};
  member.last_heard = now;
  if (const auto rest = flakiness.rest(hello.node, now); rest.count() > 0) {
    member.rests_until = now + rest;
  }
  member.parameter_versions.assign(model.parameters().size(), Member::no_version);
  roster.add(std::move(member));

  const Welcome welcome{.seed = setup.train.seed,
                        .batch = setup.train.batch,
                        .order = sampler.order,
                        .carried = static_cast<std::uint32_t>(setup.carried),
                        .heartbeat = setup.contributors.heartbeat,
                        .lost_after = setup.contributors.lost_after,
                        .cache_bytes = setup.cache_bytes,
                        .snippets = static_cast<std::uint32_t>(setup.train.snippets),
                        .contributors = static_cast<std::uint32_t>(here + 1),
                        .session = setup.session};
  RunOffer offer{.datasets = setup.datasets, .parameters = {}};
  for (const Parameter& parameter : model.parameters().all()) {
    offer.parameters.push_back(parameter.value.type());
  }
  send(peer, welcome, encode(offer));
}

void Master::Impl::on_ready(Member& member, const Ready& ready, Instant now) {
  const bool remembers = !ready.versions.empty();
  if (ready.readable.size() != setup.datasets.size() || member.state != Member::State::greeted ||
      ready.graphs.size() > Ready::max_graphs ||
      (remembers && ready.versions.size() != model.parameters().size())) {
    return distrust(member.peer, "a wrong answer to the welcome", now);
  }
  member.readable = ready.readable;
  // Whoever claims what it has not got can't do its work, which then goes to others.
  member.graphs.insert(ready.graphs.begin(), ready.graphs.end());
  if (remembers) member.parameter_versions = ready.versions;
  member.state = Member::State::ready;
  if (member.rests_until) {
    emit("resting",
         {{"peer", std::int64_t{member.peer.value}},
          {"node", member.hello.node},
          {"seconds", std::chrono::duration<double>(*member.rests_until - now).count()}},
         now);
  }
  emit("joined",
       {{"peer", std::int64_t{member.peer.value}},
        {"node", member.hello.node},
        {"pid", static_cast<std::int64_t>(member.hello.pid)},
        {"threads", std::int64_t{member.hello.threads}},
        {"core", member.hello.numerics.core},
        {"reads_shards", std::int64_t{ready.readable.empty() ? 0 : ready.readable.front()}}},
       now);
  if (phase) return hand_out(now);
  begin_next(now);
}

void Master::Impl::on_leave(Member& member, const Leave& leave, Instant now) {
  if (member.state == Member::State::leaving) return;
  emit("leaving",
       {{"peer", std::int64_t{member.peer.value}},
        {"reason", leave.reason},
        {"snippets", static_cast<std::int64_t>(member.snippets)}},
       now);
  member.state = Member::State::leaving;
  let_go_if_done(member, now);
}

void Master::Impl::let_go_if_done(Member& member, Instant now) {
  if (holds_work(member)) return;
  send(member.peer, Finish{.refused = false, .reason = {}});
  member.state = Member::State::gone;
  member.forget();
  emit("left", {{"peer", std::int64_t{member.peer.value}}}, now);
}

bool Master::Impl::holds_work(const Member& member) const {
  return phase && std::any_of(phase->leases.begin(), phase->leases.end(), [&](const auto& lease) {
           return lease.peer == member.peer &&
                  (lease.open || (lease.withheld && !phase->covers(lease.node)));
         });
}

void Master::Impl::tick(Instant now) {
  const auto silence_allowed = setup.contributors.lost_after;
  // After a pause of this process itself (suspended, starved) everybody looks silent: start
  // counting anew.
  if (now - last_tick > silence_allowed / 2) {
    for (Member& member : roster.all()) member.last_heard = now;
  }
  last_tick = now;
  if (now - last_heartbeat >= setup.contributors.heartbeat) {
    last_heartbeat = now;
    for (const Member& member : roster.all()) {
      if (member.state != Member::State::gone) send(member.peer, Heartbeat{});
    }
  }
  for (const PeerId peer : std::exchange(leave_requested, {})) {
    if (Member* member = roster.find(peer)) on_leave(*member, {"somebody asked for it"}, now);
  }
  for (std::size_t i = 0; i < roster.all().size(); ++i) {
    Member& member = roster.all()[i];
    if (member.state != Member::State::gone && now - member.last_heard > silence_allowed) {
      lose(member, "silent for too long", now);
    }
  }
  std::erase_if(refused, [&](const auto& entry) {
    const bool over = now - entry.second > patience_with_refused;
    if (over) out->drops.push_back(entry.first);
    return over;
  });
  if (phase) note_whether_anybody_works(now);
  if (waiting_since && !waiting_said && now - *waiting_since > std::chrono::seconds(1)) {
    waiting_said = true;
    emit("waiting",
         {{"contributors", std::int64_t{roster.ready_count()}},
          {"needed", std::int64_t{std::max(setup.contributors.min, 1)}}},
         now);
  }
  for (Member& member : roster.all()) {
    if (member.rests_until && now >= *member.rests_until) member.rests_until.reset();
  }
  if (!phase) return;
  if (stop_requested && roster.ready_count() == 0 &&
      std::none_of(roster.all().begin(), roster.all().end(), [&](const Member& member) {
        return member.state == Member::State::leaving && holds_work(member);
      })) {
    return stop_alone(now);
  }
  for (OpenLease& lease : phase->leases) {
    if (lease.open && !lease.overdue && now > lease.deadline) {
      lease.overdue = true;
      phase->returned.push_back(lease.node);
      have_sums_sent();
    }
  }
  hand_out(now);
  help_slow_ones(now);
}

void Master::Impl::note_whether_anybody_works(Instant now) {
  if (roster.ready_count() > 0) {
    waiting_since.reset();
    waiting_said = false;
    return;
  }
  if (!waiting_since) waiting_since = now;
}

void Master::Impl::lose(Member& member, const std::string& reason, Instant now) {
  const PeerId peer = member.peer;
  // Who wanted to go may end as it likes.
  if (member.state != Member::State::leaving) {
    flakiness.died(member.hello.node, member.hello.pid, now);
  }
  member.state = Member::State::gone;
  member.forget();
  out->drops.push_back(peer);
  emit("lost",
       {{"peer", std::int64_t{peer.value}},
        {"reason", reason},
        {"snippets", static_cast<std::int64_t>(member.snippets)}},
       now);
  const bool somebody_is_left =
      std::any_of(roster.all().begin(), roster.all().end(),
                  [](const Member& other) { return other.state != Member::State::gone; });
  if (!somebody_is_left && !setup.others_may_come && !stop_requested) {
    throw InputError("nobody is left to compute: " + (last_failure.empty() ? reason : last_failure),
                     "if memory ran out, cut the batch smaller (train.snippets), or make it "
                     "smaller (train.batch)");
  }
  if (!phase) return;
  for (OpenLease& lease : phase->leases) {
    // What its gateway keeps may be gone with it.
    const bool kept = lease.withheld && !lease.doubted;
    if (lease.peer != peer || !(lease.open || kept)) continue;
    lease.open = false;
    lease.withheld = false;
    if (!lease.overdue && !phase->covers(lease.node)) phase->returned.push_back(lease.node);
  }
  hand_out(now);
}

void Master::Impl::distrust(PeerId peer, const std::string& reason, Instant now) {
  if (Member* member = roster.find(peer)) return lose(*member, "sent " + reason, now);
  out->drops.push_back(peer);
}

Master::Master(MasterSetup setup, ParameterStore parameters, ComputePool& compute,
               BufferPool& buffers, const Checkpoint* resume, Instant now)
    : impl_(
          std::make_unique<Impl>(std::move(setup), std::move(parameters), compute, buffers, now)) {
  if (resume != nullptr) impl_->resume(*resume);
}

Master::~Master() = default;

void Master::on(const Event& event, Instant now, MasterActions& actions) {
  impl_->out = &actions;
  if (event.kind == Event::Kind::message) {
    impl_->on_message(event, now);
  } else if (event.kind == Event::Kind::lost) {
    if (Member* member = impl_->roster.find(event.peer)) {
      impl_->lose(*member, event.reason.empty() ? "gone" : event.reason, now);
    }
  }
  impl_->out = nullptr;
}

void Master::tick(Instant now, MasterActions& actions) {
  impl_->out = &actions;
  for (EpochResult& epoch : std::exchange(impl_->untold_epochs, {})) {
    actions.epochs.push_back(std::move(epoch));
  }
  // Also the way in for a run that was already complete when it was started again.
  if (!impl_->phase && !impl_->finished) impl_->begin_next(now);
  if (!impl_->finished) impl_->tick(now);
  impl_->out = nullptr;
}

void Master::look_ahead() { impl_->look_ahead(); }
void Master::request_stop() { impl_->stop_requested = true; }
void Master::request_leave(PeerId peer) { impl_->leave_requested.push_back(peer); }
std::size_t Master::largest_answer() const {
  Impl& m = *impl_;
  std::size_t statistics = 0;
  if (!m.setup.record_sample) {
    // Evaluations in streams send states, too, and may have larger batches than a short text to
    // train on.
    const bool streams_valid = m.carries() && m.has_valid();
    const std::int64_t batch =
        std::max(m.sampler.batch_size(0), streams_valid ? m.valid_sampler.batch_size(0) : 0);
    const auto rows = cut_batch(batch, m.setup.train.snippets).front().rows;
    for (const ValueType& type : m.recorded(rows, Tape::Mode::training).statistic_types) {
      statistics += type.bytes();
    }
    statistics += ValueType{DType::f32, {rows, m.setup.carried}}.bytes();
  }
  std::size_t largest = statistics;
  for (const Parameter& parameter : m.model.parameters().all()) {
    const ValueType& type = parameter.value.type();
    // Should each row of a table come by itself, its number comes with it.
    const std::size_t numbers =
        is_table(type) ? (1 + static_cast<std::size_t>(type.shape[0])) * sizeof(std::uint32_t) : 0;
    largest = std::max(largest, type.bytes() + numbers);
  }
  return largest;
}

bool Master::finished() const { return impl_->finished; }
bool Master::stopped_early() const { return impl_->stopped_early; }
const ParameterStore& Master::parameters() const { return impl_->model.parameters(); }
const Roster& Master::roster() const { return impl_->roster; }
const History& Master::history() const { return impl_->history; }
bool Master::was_complete() const { return impl_->resumed_complete; }

void Master::hold(bool held) {
  impl_->held_said = impl_->held_said && held;
  impl_->held = held;
}

std::vector<Credit> Master::credits() const {
  return credits_of(impl_->earlier_credits, impl_->roster);
}

double Master::seconds(Instant now) const { return impl_->seconds(now); }

MasterProgress Master::progress() const {
  const Impl& m = *impl_;
  return {.step = m.step,
          .steps = m.steps,
          .epoch = static_cast<std::int64_t>(m.step) / m.sampler.steps_per_epoch() + 1,
          .loss = m.sums.weight > 0   ? m.sums.loss / m.sums.weight
                  : m.history.empty() ? 0
                                      : m.history.last().train.loss,
          .rows = m.rows_trained,
          .contributors = m.roster.ready_count(),
          .evaluating = m.phase && m.phase->purpose == Purpose::evaluate,
          .waiting = !m.phase || m.waiting_since.has_value()};
}

}  // namespace raven
