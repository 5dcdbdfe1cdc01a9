#include <algorithm>
#include <cmath>
#include <utility>

#include "cluster/master_impl.hpp"
#include "raven/cluster/metrics.hpp"
#include "raven/cluster/scheduler.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/plan.hpp"

namespace raven {

std::int64_t Master::Impl::results_due() const {
  const auto done = static_cast<std::int64_t>(step);
  const bool ends_within = step >= steps && done % sampler.steps_per_epoch() != 0;
  return done / sampler.steps_per_epoch() + (ends_within ? 1 : 0);
}

void Master::Impl::begin_next(Instant now) {
  if (finished || phase) return;
  // An epoch's end that was to be evaluated, resumed by a job without validation data.
  if (result_is_due() && !has_valid()) end_epoch(std::nullopt, now);
  const bool evaluation_due = result_is_due() && has_valid();
  if (step >= steps && !evaluation_due) return end_run(now, false);
  if (stop_requested) return end_run(now, true);
  if (held) {
    // Once whoever holds it makes room, nothing of what was done is lost.
    if (!std::exchange(held_said, true)) checkpoint(now);
    return;
  }
  if (roster.ready_count() < std::max(setup.contributors.min, 1)) {
    if (!waiting_since) waiting_since = now;
    return;
  }
  waiting_since.reset();
  waiting_said = false;
  if (evaluation_due) return begin_evaluation(now);
  begin_step(now);
}

void Master::Impl::begin_step(Instant now) {
  phase.emplace();
  phase->work = next_work++;
  phase->purpose = Purpose::train;
  phase->step = step;
  phase->lease_step = step;
  phase->dataset = 0;
  begin_phase(cut_batch(sampler.batch_size(static_cast<std::int64_t>(step)), setup.train.snippets));
  hand_out(now);
}

void Master::Impl::begin_evaluation(Instant now) {
  if (evaluation_step == 0) evaluation = {};
  phase.emplace();
  phase->work = next_work++;
  phase->purpose = Purpose::evaluate;
  phase->step = step;
  phase->lease_step = carries() ? static_cast<std::uint64_t>(evaluation_step) : step;
  phase->dataset = 1;
  begin_phase(evaluation_pieces());
  hand_out(now);
}

std::vector<Worker> Master::Impl::workers(SnippetRange not_holding) const {
  std::vector<std::pair<std::uint32_t, Worker>> found;
  const bool somebody_is_rested =
      std::any_of(roster.all().begin(), roster.all().end(), [](const Member& member) {
        return member.state == Member::State::ready && !member.rests_until;
      });
  const double bytes = gradient_bytes();
  const double rows_per_snippet =
      static_cast<double>(phase->rows()) / static_cast<double>(phase->snippets.size());
  for (const Member& member : roster.all()) {
    if (member.state != Member::State::ready) continue;
    if (member.rests_until && somebody_is_rested) continue;
    const bool holds =
        std::any_of(phase->leases.begin(), phase->leases.end(), [&](const OpenLease& lease) {
          return lease.peer == member.peer && (lease.open || lease.doubted) &&
                 lease.node.overlaps(not_holding);
        });
    if (holds) continue;
    const double speed = roster.speed_of(member);
    found.emplace_back(
        member.gateway,
        Worker{.peer = member.peer,
               .speed = speed,
               .backlog = phase->backlog(member.peer),
               .max_node = roster.knows_speeds() ? largest_node(rows_per_snippet, speed, bytes)
                                                 : Lease::max_snippets});
  }
  // Neighbours in the tree behind one gateway, which adds their gradients up.
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Worker> workers;
  for (const auto& [gateway, worker] : found) workers.push_back(worker);
  return workers;
}

double Master::Impl::gradient_bytes() const {
  double sum = 0;
  if (phase->purpose != Purpose::train) return sum;
  for (const ParameterId id : phase->graph->gradients) {
    sum += static_cast<double>(gradient_sizes[id.value]);
  }
  return sum;
}

void Master::Impl::have_sums_sent() {
  std::vector<std::uint32_t> told;
  for (const OpenLease& lease : phase->leases) {
    if (!lease.withheld) continue;
    const std::uint32_t gateway = roster.find_ever(lease.peer)->gateway;
    if (std::find(told.begin(), told.end(), gateway) != told.end()) continue;
    told.push_back(gateway);
    send(gateway_peer(gateway), SendOn{phase->work});
  }
}

bool Master::Impl::doubts(PeerId peer, SnippetRange node) const {
  return std::any_of(phase->leases.begin(), phase->leases.end(), [&](const OpenLease& lease) {
    return lease.doubted && lease.peer == peer && lease.node.overlaps(node);
  });
}

bool Master::Impl::nobody_else_can_tell(SnippetRange node) const {
  bool found = false;
  for (const Member& member : roster.all()) {
    if (member.state != Member::State::ready) continue;
    if (!doubts(member.peer, node)) return false;
    found = true;
  }
  return found;
}

void Master::Impl::hand_out(Instant now) {
  if (!phase || phase->returned.empty()) return;
  std::vector<SnippetRange> nodes = std::exchange(phase->returned, {});
  for (const SnippetRange node : nodes) {
    if (phase->covers(node)) continue;  // its first holder answered after all
    // Giving a subtree to whoever holds it already would gain nothing: it waits for somebody else
    // to come.
    const std::vector<Worker> able = workers(node);
    if (able.empty()) {
      if (nobody_else_can_tell(node)) throw went_astray();
      phase->returned.push_back(node);
      continue;
    }
    const double rows_per_snippet =
        static_cast<double>(phase->rows(node)) / static_cast<double>(node.count);
    const std::vector<Assignment> assignments =
        node == phase->root() ? deal(node, able) : deal_again({&node, 1}, able, rows_per_snippet);
    for (const Assignment& assignment : assignments) {
      send_lease(*roster.find(assignment.peer), assignment.node, now);
    }
  }
}

void Master::Impl::send_parameter(Member& member, ParameterId id, const Tensor& value,
                                  std::uint64_t version) {
  std::uint64_t& sent = member.parameter_versions[id.value];
  if (sent == version) return;
  const std::uint64_t has = std::exchange(sent, version);
  const ModelState::Change* change = in_this_process(member) ? nullptr : model.last_change(id);
  if (change != nullptr && change->from == has && change->to == version) {
    const RowsMessage message{.id = id, .from = has, .version = version};
    return send(member.peer, message, change->rows.blob());
  }
  send(member.peer, ParameterMessage{.id = id, .version = version}, value.blob());
}

void Master::Impl::send_lease(Member& member, SnippetRange node, Instant now) {
  Lease lease{
      .work = phase->work,
      .purpose = phase->purpose,
      .step = phase->lease_step,
      .dataset = phase->dataset,
      .inline_rows = member.readable[phase->dataset] == 0,
      .node = node,
      .root = phase->root(),
      .snippets = {phase->snippets.begin() + node.first, phase->snippets.begin() + node.end()},
      .versions = phase->versions};
  for (const Snippet& snippet : lease.snippets) send_graphs(member, snippet);
  for (const ParameterId id : phase->graph->parameters) {
    send_parameter(member, id, phase->parameters[id.value], phase->versions[id.value]);
  }

  Blob body = phase->state_of(node);
  const bool listed = length_groups && phase->purpose == Purpose::train;
  if (lease.inline_rows || listed) {
    const auto first = static_cast<std::size_t>(lease.snippets.front().first);
    const std::int64_t end = lease.snippets.back().first + lease.snippets.back().rows;
    std::vector<std::int64_t> found;
    if (!setup.record_sample) found = samples_of(phase->purpose, phase->lease_step, end);
    const std::span<const std::int64_t> all = setup.record_sample ? now_assembled.samples : found;
    const auto samples = all.subspan(first, static_cast<std::size_t>(end) - first);
    const Blob raw = lease.inline_rows ? setup.raw_rows(phase->dataset, samples) : Blob();
    const ByteSpan rows = lease.inline_rows ? raw.bytes() : std::as_bytes(samples);
    Bytes both(body.bytes().begin(), body.bytes().end());
    both.insert(both.end(), rows.begin(), rows.end());
    body = body.empty() && lease.inline_rows ? raw : Blob(std::move(both));
  }
  if (member.idle_since) {
    longest_idle = std::max(longest_idle, now - *std::exchange(member.idle_since, std::nullopt));
  }
  if (!std::exchange(member.worked, true)) {
    emit("working",
         {{"peer", std::int64_t{member.peer.value}},
          {"step", static_cast<std::int64_t>(phase->step)}},
         now);
  }
  send(member.peer, lease, std::move(body));
  phase->lease_out(member.peer, node, now, now + setup.contributors.lease);
  phase->leases.back().inline_rows = lease.inline_rows;
}

void Master::Impl::credit() {
  const std::vector<PeerId> workers = phase->workers();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    Member* member = roster.find_ever(workers[i]);
    expects(member != nullptr, "only members do work");
    ++member->snippets;
    member->rows += static_cast<std::uint64_t>(phase->snippets[i].rows);
  }
}

std::optional<float> Master::Impl::gradient_scale() {
  if (!phase->all_stats()) return std::nullopt;
  const float mean = phase->weight > 0 ? static_cast<float>(1.0 / phase->weight) : 0.0F;
  const double limit = setup.train.clip.norm;
  if (limit <= 0) return mean;
  // The global norm needs every gradient, so clipping by norm waits for the last one.
  if (!phase->all_totals()) return std::nullopt;
  double squares = 0;
  for (const ParameterId id : phase->graph->gradients) {
    compute.run([&] { squares += sum_of_squares(phase->total(id).sum); });
  }
  const double norm = std::sqrt(squares) * static_cast<double>(mean);
  if (!std::isfinite(norm)) {
    bool asked = false;
    for (const ParameterId id : phase->graph->gradients) {
      bool finite = false;
      compute.run([&] { finite = is_finite(phase->total(id).sum); });
      if (finite) continue;
      ask_again(id);
      asked = true;
    }
    if (!asked) throw not_finite("the norm of the gradient is", step + 1);
    return std::nullopt;
  }
  return static_cast<float>(static_cast<double>(mean) * std::min(1.0, limit / (norm + 1e-6)));
}

void Master::Impl::ask_again(ParameterId id) {
  // Of numbers that are finite one by one the sum is what anybody would find.
  if (phase->looks_at(id)) {
    throw not_finite("the gradient of \"" + model.parameters()[id].name + "\" is", step + 1);
  }
  phase->ask_again(id);
  if (std::ranges::find(phase->returned, phase->root()) == phase->returned.end()) {
    phase->returned.push_back(phase->root());
  }
}

bool Master::Impl::update_tensor(ParameterId id, float scale, double rate) {
  auto found = ModelState::Updated::whole;
  compute.run([&] {
    found = model.update(id, phase->total(id), scale, static_cast<std::int64_t>(step) + 1, rate);
  });
  if (found == ModelState::Updated::gradient_not_finite) {
    ask_again(id);
    return false;
  }
  if (found == ModelState::Updated::not_finite) throw not_finite(model.flaw_of(id), step + 1);
  phase->take_total(id);
  // Sent on at once to those who will need it, while the gradients of other tensors are still being
  // made.
  if (is_last_step() && !has_valid()) return true;
  const Parameter& updated = model.parameters()[id];
  for (Member& member : roster.all()) {
    if (member.state != Member::State::ready) continue;
    const bool busy =
        std::any_of(phase->leases.begin(), phase->leases.end(),
                    [&](const OpenLease& lease) { return lease.peer == member.peer; });
    if (busy) send_parameter(member, id, updated.value, updated.version);
  }
  return true;
}

void Master::Impl::progress(Instant now) {
  if (phase->purpose == Purpose::evaluate) {
    if (phase->all_stats()) end_evaluation(now);
    return;
  }
  if (!phase->all_stats()) return;
  const std::optional<float> scale = gradient_scale();
  if (!scale) return hand_out(now);  // nothing, unless a gradient is to be computed again
  const double rate =
      rate_at(*schedule, setup.train.schedule.options, setup.train.optimizer.options.real("rate"),
              static_cast<std::int64_t>(step) + 1, static_cast<std::int64_t>(steps));
  bool all_finite = true;
  for (const ParameterId id : phase->graph->gradients) {
    if (!phase->total(id).sum.empty()) all_finite &= update_tensor(id, *scale, rate);
  }
  if (!all_finite) hand_out(now);
  if (phase->all_taken()) end_step(now);
}

void Master::Impl::end_step(Instant now) {
  const std::uint64_t version = step + 1;
  const auto all_rows = static_cast<double>(phase->rows());
  for (std::size_t s = 0; s < phase->graph->statistics.size(); ++s) {
    const Statistic& statistic = phase->graph->statistics[s];
    Tensor mean(phase->graph->statistic_types[s]);
    std::vector<double> sum(static_cast<std::size_t>(mean.count()));
    for (std::size_t i = 0; i < phase->snippets.size(); ++i) {
      const double share = static_cast<double>(phase->snippets[i].rows) / all_rows;
      const auto values = std::as_const(phase->stats()[i]->statistics[s]).values();
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += share * static_cast<double>(values[k]);
    }
    std::transform(sum.begin(), sum.end(), mean.values().begin(),
                   [](double value) { return static_cast<float>(value); });
    if (!model.merge_statistic(statistic.into, mean, statistic.momentum, version)) {
      throw not_finite(model.flaw_of(statistic.into), version);
    }
  }
  model.set_version(version);

  sums.samples += phase->rows();
  sums.loss += phase->loss;
  sums.weight += phase->weight;
  sums.metrics.resize(phase->graph->metric_names.size());
  for (std::size_t m = 0; m < sums.metrics.size(); ++m) {
    sums.metrics[m].first = phase->graph->metric_names[m];
    for (const auto& piece : phase->stats()) sums.metrics[m].second += piece->metrics[m];
  }
  rows_trained += static_cast<std::uint64_t>(phase->rows());
  if (now - last_step_event >= std::chrono::milliseconds(200) || is_last_step()) {
    last_step_event = now;
    emit("step",
         {{"step", static_cast<std::int64_t>(version)},
          {"loss", phase->weight > 0 ? phase->loss / phase->weight : 0.0},
          {"samples", phase->rows()},
          {"contributors", std::int64_t{roster.ready_count()}},
          {"longest_idle", std::chrono::duration<double>(std::exchange(longest_idle, {})).count()}},
         now);
  }
  keep_state();
  close_phase(now);
  step = version;
  if (result_is_due() && !has_valid()) end_epoch(std::nullopt, now);
  if (now - last_checkpoint >= setup.checkpoint_every && step < steps) checkpoint(now);
  begin_next(now);
}

void Master::Impl::encourage_idle_ones() {
  const auto is_there = [](const Member& member) {
    return member.state == Member::State::ready && !member.rests_until;
  };
  // As fast as the fastest, it is given its share; believing it to be faster helps nobody.
  double fastest = 0;
  for (const Member& member : roster.all()) {
    if (is_there(member)) fastest = std::max(fastest, member.speed);
  }
  for (Member& member : roster.all()) {
    const bool idle =
        std::none_of(phase->leases.begin(), phase->leases.end(),
                     [&](const OpenLease& lease) { return lease.peer == member.peer; });
    if (is_there(member) && idle) member.speed = std::min(member.speed * 1.05, fastest);
  }
}

void Master::Impl::close_phase(Instant now) {
  credit();
  last_leases.clear();
  last_leases_work = phase->work;
  for (const OpenLease& lease : phase->leases) {
    if (!lease.open) continue;
    if (phase->purpose == Purpose::train) {
      last_leases.emplace_back(lease, phase->rows(lease.node));
    }
    // Others were faster: it never says how long it took, so what it can't have reached is known.
    Member* holder = roster.find(lease.peer);
    if (!lease.late || holder == nullptr || holder->speed <= 0) continue;
    const std::chrono::duration<double> taken = now - phase->pace(lease.peer).last;
    // One stall says little about the next step.
    holder->speed =
        std::clamp(phase->rows_until(lease) / taken.count(), holder->speed / 4, holder->speed);
  }
  for (Member& member : roster.all()) {
    if (phase->backlog(member.peer) == 0) learn_speed(member);
  }
  // Whoever got nothing because it was slow once gets another chance by and by. Evaluations teach
  // nothing of speeds, and may have many phases.
  if (phase->purpose == Purpose::train) encourage_idle_ones();
  std::vector<PeerId> liars;
  for (const OpenLease& lease : phase->leases) {
    if (lease.doubted) liars.push_back(lease.peer);
  }
  phase.reset();
  for (const PeerId liar : liars) {
    distrust(liar, "what is no number where another found one", now);
  }
  for (Member& member : roster.all()) {
    if (member.state == Member::State::leaving) let_go_if_done(member, now);
  }
}

void Master::Impl::end_evaluation(Instant now) {
  evaluation.metrics.resize(phase->graph->metric_names.size());
  for (std::size_t m = 0; m < evaluation.metrics.size(); ++m) {
    evaluation.metrics[m].first = phase->graph->metric_names[m];
    for (const auto& piece : phase->stats()) evaluation.metrics[m].second += piece->metrics[m];
  }
  evaluation.samples += phase->rows();
  // Piece by piece, over all steps: `raven evaluate` adds up in this order, too.
  for (const auto& piece : phase->stats()) {
    evaluation.loss += piece->loss;
    evaluation.weight += piece->weight;
  }
  keep_state();
  close_phase(now);
  if (++evaluation_step < evaluation_steps()) return begin_next(now);
  evaluation_step = 0;
  end_epoch(pass_result(evaluation), now);
  begin_next(now);
}

PassResult Master::Impl::pass_result(const EpochSums& all) const {
  PassResult result{.samples = all.samples,
                    .loss = all.weight > 0 ? all.loss / all.weight : 0.0,
                    .metrics = told_metrics(all.metrics, all.samples)};
  return result;
}

void Master::Impl::end_epoch(std::optional<PassResult> valid, Instant now) {
  EpochResult result{.epoch = history.epochs() + 1,
                     .step = step,
                     .train = pass_result(sums),
                     .valid = std::move(valid)};
  std::vector<std::pair<std::string, RunEvent::Field>> fields{
      {"epoch", result.epoch},
      {"step", static_cast<std::int64_t>(result.step)},
      {"samples", result.train.samples},
      {"loss", result.train.loss}};
  for (const auto& [name, value] : result.train.metrics) fields.emplace_back(name, value);
  if (result.valid) {
    fields.emplace_back("valid_loss", result.valid->loss);
    for (const auto& [name, value] : result.valid->metrics)
      fields.emplace_back("valid_" + name, value);
  }
  emit("epoch", std::move(fields), now);
  out->epochs.push_back(result);
  history.add(std::move(result));
  sums = {};
}

void Master::Impl::checkpoint(Instant now) {
  last_checkpoint = now;
  out->checkpoint = snapshot(now);
  emit("checkpoint", {{"step", static_cast<std::int64_t>(step)}}, now);
}

void Master::Impl::stop_alone(Instant now) {
  // Once a tensor was updated the model stands between two steps: the last checkpoint is where to
  // go on from then.
  const bool between_steps =
      phase->purpose == Purpose::train && (phase->taken() > 0 || model.between_steps());
  phase.reset();
  if (!between_steps) return end_run(now, true);
  finished = true;
  stopped_early = true;
  emit("stopped", {{"step", static_cast<std::int64_t>(step)}}, now);
  say_goodbye("the run was stopped");
}

void Master::Impl::end_run(Instant now, bool early) {
  finished = true;
  stopped_early = early;
  if (resumed_complete) return say_goodbye("the run is complete");
  checkpoint(now);
  emit(early ? "stopped" : "finished", {{"step", static_cast<std::int64_t>(step)}}, now);
  say_goodbye(early ? "the run was stopped" : "the run is complete");
}

void Master::Impl::say_goodbye(const std::string& reason) {
  for (const Member& member : roster.all()) {
    if (member.state != Member::State::gone) {
      send(member.peer, Finish{.refused = false, .reason = reason});
    }
  }
}

}  // namespace raven
