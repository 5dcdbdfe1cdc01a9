// What the master makes of contributors' answers.
#include <algorithm>

#include "cluster/master_impl.hpp"
#include "raven/core/error.hpp"
#include "raven/tensor/finite.hpp"

namespace raven {

void Master::Impl::on_stats(Member& member, const StatsMessage& message, const Blob& body,
                            Instant now) {
  if (!phase || message.work != phase->work) return;  // late: that work is done
  OpenLease* lease = phase->find_lease(member.peer, message.node);
  if (lease == nullptr) {
    return distrust(member.peer, "results of work that it was never given", now);
  }
  if (lease->doubted) return;
  if (!(message.weight >= 0) || std::isinf(message.weight)) {
    return distrust(member.peer, "an impossible weight", now);
  }
  const auto doubt_it = [&](const std::string& what) {
    const bool known = !message.node.contains({message.index, 1}) || phase->stats()[message.index];
    doubt(member, *lease, {message.index, 1}, what, known, now);
  };
  if (!std::isfinite(message.loss)) return doubt_it("the loss");
  std::optional<SnippetStats> stats = phase->read_stats(message, body);
  if (!stats) return distrust(member.peer, "statistics that can't be", now);
  if (const std::string what = no_number_in(*stats); !what.empty()) return doubt_it(what);
  phase->add_stats(std::move(*stats));
  lease->stats_owed[message.index - message.node.first] = false;
  note_answer(member, *lease, now);
  progress(now);
}

std::string Master::Impl::no_number_in(const SnippetStats& stats) const {
  for (std::size_t i = 0; i < stats.metrics.size(); ++i) {
    if (!std::isfinite(stats.metrics[i])) return "the metric " + phase->graph->metric_names[i];
  }
  for (std::size_t i = 0; i < stats.statistics.size(); ++i) {
    if (is_finite(stats.statistics[i])) continue;
    const ParameterId into = phase->graph->statistics[i].into;
    return "the statistic for \"" + model.parameters()[into].name + "\"";
  }
  if (!stats.state.empty() && !is_finite(stats.state)) return "the state that goes on";
  return {};
}

void Master::Impl::doubt(Member& member, OpenLease& lease, SnippetRange where,
                         const std::string& what, bool known, Instant now) {
  phase->doubt = what;
  if (known) {
    return distrust(member.peer, what + " as no number where another found one", now);
  }
  for (const OpenLease& other : phase->leases) {
    if (other.doubted && other.peer != member.peer && other.node.overlaps(lease.node)) {
      throw went_astray();
    }
  }
  emit("doubted",
       {{"peer", std::int64_t{member.peer.value}},
        {"step", static_cast<std::int64_t>(phase->step)},
        {"snippet", std::int64_t{where.first}},
        {"what", what}},
       now);
  for (OpenLease& own : phase->leases) {
    const bool same = own.peer == lease.peer && own.node.overlaps(lease.node);
    if (same && !own.open) own.doubted = true;  // it was done before its numbers were looked at
  }
  lease.doubted = true;
  phase->note_ended(lease, now);
  phase->returned.push_back(lease.node);
  hand_out(now);
}

InputError Master::Impl::went_astray() const {
  const bool trains = phase->purpose == Purpose::train;
  return not_finite(phase->doubt + (trains ? " is" : " of the validation data is"),
                    trains ? step + 1 : step);
}

InputError Master::Impl::not_finite(const std::string& what, std::uint64_t at) {
  return {what + " not a finite number any more at step " + std::to_string(at),
          "lower optimizer.rate, add schedule.warmup or clip.norm, or look for bad values in the "
          "data"};
}

void Master::Impl::on_gradient(Member& member, const GradientMessage& message, const Blob& body,
                               Instant now) {
  if (!phase || message.work != phase->work) return;
  OpenLease* lease = phase->find_lease(member.peer, message.node);
  if (lease == nullptr) {
    return distrust(member.peer, "results of work that it was never given", now);
  }
  if (lease->doubted) return;
  if (message.withheld && (member.gateway == 0 || !phase->asks_for(message.parameter))) {
    return distrust(member.peer, "what only a gateway says", now);
  }
  if (!message.withheld) {
    switch (use_gradient(message.node, message.parameter, message.form, body)) {
      case Use::used:
        break;
      case Use::misfit:
        return distrust(member.peer, "a gradient that nobody asked for, or of the wrong size", now);
      case Use::no_number:
        return doubt(member, *lease, message.node,
                     "the gradient of \"" + model.parameters()[message.parameter].name + "\"",
                     phase->has_gradient(message.node, message.parameter), now);
    }
  }
  lease->withheld = lease->withheld || message.withheld;
  lease->gradients_owed[message.parameter.value] = false;
  note_answer(member, *lease, now);
  progress(now);
}

void Master::Impl::on_gateway(std::uint32_t gateway, const Message& message, Instant now) {
  const std::optional<AnyMessage> decoded = decode(message.head);
  const auto* sum = decoded ? std::get_if<SumMessage>(&*decoded) : nullptr;
  if (!phase || (sum != nullptr && sum->work != phase->work)) return;
  if (sum != nullptr && use_sum(gateway, *sum, message.body)) return progress(now);
  // What it keeps is of no use, then: all of it is done again.
  for (OpenLease& lease : phase->leases) {
    if (!lease.withheld || roster.find_ever(lease.peer)->gateway != gateway) continue;
    lease.withheld = false;
    if (!lease.doubted && !phase->covers(lease.node)) phase->returned.push_back(lease.node);
  }
  hand_out(now);
}

bool Master::Impl::use_sum(std::uint32_t gateway, const SumMessage& message, const Blob& body) {
  if (!is_tree_node(message.node, phase->root())) return false;
  std::vector<bool> leased(message.node.count);
  for (const OpenLease& lease : phase->leases) {
    if (!message.node.contains(lease.node)) continue;
    if (roster.find_ever(lease.peer)->gateway != gateway) continue;
    if (lease.doubted) return false;
    const auto first = leased.begin() + (lease.node.first - message.node.first);
    std::fill(first, first + lease.node.count, true);
  }
  return std::find(leased.begin(), leased.end(), false) == leased.end() &&
         use_gradient(message.node, message.parameter, message.form, body) == Use::used;
}

Master::Impl::Use Master::Impl::use_gradient(SnippetRange node, ParameterId id, Gradient::Form form,
                                             const Blob& body) {
  if (!phase->asks_for(id)) return Use::misfit;
  std::optional<Gradient> gradient =
      decode_gradient(form, body, model.parameters()[id].value.type());
  if (!gradient) return Use::misfit;
  if (phase->looks_at(id)) {
    bool finite = false;
    compute.run([&] { finite = is_finite(*gradient); });
    if (!finite) return Use::no_number;
  }
  gradient_sizes[id.value] = body.size();
  const auto add = [&](const Gradient& left, const Gradient& right) {
    Gradient sum;
    compute.run([&] { sum = sum_of(left, right, buffers); });
    return sum;
  };
  // The global norm is that of the sum; otherwise the optimizer adds on its way through memory.
  const bool adds_last = setup.train.clip.norm > 0;
  const Phase::Verdict verdict =
      phase->add_gradient(node, id, std::move(*gradient), adds_last, add);
  return verdict == Phase::Verdict::wrong ? Use::misfit : Use::used;
}

void Master::Impl::on_done(Member& member, const DoneMessage& message, Instant now) {
  if (!phase || message.work != phase->work) return on_late_done(member, message, now);
  OpenLease* lease = phase->find_lease(member.peer, message.node);
  if (lease != nullptr && lease->doubted) return;
  if (lease == nullptr || !lease->open) return distrust(member.peer, "an answer too many", now);
  if (!lease->answered()) return distrust(member.peer, "less than it was asked for", now);
  phase->note_done(*lease, now);
  // Rows are evaluated several times as fast as they are trained on.
  if (phase->purpose == Purpose::train) {
    note_time(member, *lease, phase->rows(lease->node), message, now);
  }
  if (member.state == Member::State::leaving) return let_go_if_done(member, now);
  hand_out(now);
  help_slow_ones(now);
}

void Master::Impl::on_late_done(Member& member, const DoneMessage& message, Instant now) {
  // The step ended with this lease's last gradient, before this message came: it still says how
  // long that took.
  if (last_leases_work != message.work) return;
  bool more = false;
  for (auto& [lease, rows] : last_leases) {
    if (!lease.open || lease.peer != member.peer) continue;
    if (lease.node == message.node) {
      lease.open = false;
      note_time(member, lease, rows, message, now);
    } else {
      more = true;
    }
  }
  if (!more) learn_speed(member);
}

void Master::Impl::on_failed(Member& member, const FailedMessage& message, Instant now) {
  if (!phase || message.work != phase->work) return;
  OpenLease* lease = phase->find_lease(member.peer, message.node);
  if (lease != nullptr && lease->doubted) return;
  if (lease == nullptr || !lease->open) return distrust(member.peer, "an answer too many", now);
  phase->note_ended(*lease, now);
  last_failure = message.reason;
  emit("failed",
       {{"peer", std::int64_t{member.peer.value}},
        {"step", static_cast<std::int64_t>(phase->step)},
        {"reason", message.reason}},
       now);
  phase->returned.push_back(message.node);
  // Not after the first failure only: it may have held several leases without rows.
  if (lease->inline_rows) return lose(member, "could not do its work twice", now);
  // Most failures are a shard that can't be read over there: from now on the rows travel with the
  // work.
  member.readable[phase->dataset] = 0;
  hand_out(now);
}

void Master::Impl::note_answer(Member& member, OpenLease& lease, Instant now) {
  phase->note_answer(lease);
  const bool owes =
      std::any_of(phase->leases.begin(), phase->leases.end(), [&](const OpenLease& other) {
        return other.open && other.peer == member.peer && other.place == 0;
      });
  if (!owes) member.idle_since = now;
}

void Master::Impl::note_time(Member& member, const OpenLease& lease, std::int64_t rows,
                             const DoneMessage& message, Instant now) {
  // The contributor's own clock, so that small leases do not look slow for the time their messages
  // took; but nothing took longer than it was away.
  const auto away = static_cast<std::uint64_t>(std::chrono::nanoseconds(now - lease.since).count());
  member.compute_ns += std::min(message.compute_ns, away * member.hello.threads);
  Member::Timing& timing = member.timing;
  // What was given up in an earlier step is not told of any more.
  if (timing.work != message.work) learn_speed(member);
  timing.work = message.work;
  timing.rows += static_cast<double>(rows);
  timing.seconds += static_cast<double>(std::min(message.elapsed_ns, away)) * 1e-9;
}

void Master::Impl::learn_speed(Member& member) {
  const Member::Timing timing = std::exchange(member.timing, {});
  if (timing.seconds <= 0) return;
  // The first work also pays for plans, fresh memory and cold caches: it says nothing about speed.
  if (!std::exchange(member.warm, true)) return;
  const double measured = timing.rows / timing.seconds;
  // Nobody who lies about its time can draw all work to itself at once.
  if (member.speed <= 0) {
    member.speed =
        roster.knows_speeds() ? std::min(measured, 4 * roster.speed_of(member)) : measured;
    return;
  }
  // A step's worth of noise must not move the cut between contributors: a slow running mean.
  member.speed = 0.8 * member.speed + 0.2 * std::min(measured, 2 * member.speed);
}

}  // namespace raven
