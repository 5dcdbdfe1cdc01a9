#include "schedule.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "dataflow.hpp"
#include "memory_plan.hpp"

namespace raven {
namespace {

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// A piece of workspace. Computing in place merges a buffer into an earlier one, which then lives
/// for both.
struct Buffer {
  Lifetime life;
  std::uint32_t merged_into = none;
};

/// Turns a dataflow into runs with places: how long values live, where they lie, who assigns and
/// who adds. Forward calls are ticks 0, 1, ...; the seed of the gradients is the next, then come
/// the backward calls.
class Scheduler {
 public:
  Scheduler(const Graph& graph, bool training)
      : graph_(graph),
        flow_(trace(graph, training)),
        seed_tick_(static_cast<std::uint32_t>(flow_.forward.size())),
        end_tick_(seed_tick_ + static_cast<std::uint32_t>(flow_.backward.size()) + 1),
        values_(flow_.storages.size(), none),
        gradients_(flow_.storages.size(), none),
        saved_(graph.nodes.size()),
        backward_tick_(graph.nodes.size(), none) {}

  Schedule run() {
    for (std::uint32_t i = 0; i < flow_.backward.size(); ++i) {
      backward_tick_[flow_.backward[i]] = seed_tick_ + 1 + i;
    }
    for (std::uint32_t i = 0; i < flow_.forward.size(); ++i) live_forward(flow_.forward[i], i);
    for_each_asked(graph_, [&](ValueRef value) {
      const std::uint32_t buffer = values_[flow_.storage_of(value)];
      if (buffer != none) live(buffer, end_tick_);
      note_bound(flow_.storage_of(value));
    });
    for (std::uint32_t i = 0; i < flow_.forward.size(); ++i) merge_forward(flow_.forward[i], i);

    seed();
    for (const std::uint32_t n : flow_.backward) live_backward(n);
    name_complete();

    place_buffers();
    for (const std::uint32_t n : flow_.forward) emit_forward(n);
    for (std::size_t i = 0; i < flow_.backward.size(); ++i) emit_backward(flow_.backward[i], i);
    emit_values();
    return std::move(schedule_);
  }

 private:
  struct SinkPlan {
    GradientSink::Mode mode = GradientSink::Mode::none;
    bool clear = false;
  };

  std::uint32_t new_buffer(std::size_t bytes) {
    buffers_.push_back({{bytes, none, 0}});
    schedule_.unplanned_bytes += aligned(bytes);
    return static_cast<std::uint32_t>(buffers_.size() - 1);
  }

  [[nodiscard]] std::uint32_t root(std::uint32_t buffer) const {
    while (buffers_[buffer].merged_into != none) buffer = buffers_[buffer].merged_into;
    return buffer;
  }

  void live(std::uint32_t buffer, std::uint32_t tick) {
    Lifetime& life = buffers_[root(buffer)].life;
    life.first = std::min(life.first, tick);
    life.last = std::max(life.last, tick);
  }

  [[nodiscard]] BackwardNeeds needs_of(const Node& call) const {
    return call.op->needs ? call.op->needs(call.attributes) : BackwardNeeds{};
  }

  /// Notes that a value from outside is read.
  void note_bound(std::uint32_t storage) {
    const Storage& read = flow_.storages[storage];
    if (read.kind == Storage::Kind::made || !bound_.insert(storage).second) return;
    const bool parameter = read.kind == Storage::Kind::parameter;
    if (parameter) schedule_.parameters.push_back({read.slot});
    schedule_.bound.push_back(
        {parameter ? Location::Kind::parameter : Location::Kind::input, read.slot, read.type});
  }

  void live_forward(std::uint32_t n, std::uint32_t tick) {
    const Node& call = graph_.nodes[n];
    const std::uint32_t back = backward_tick_[n];
    const BackwardNeeds needs = needs_of(call);
    for (const ValueRef ref : call.inputs) {
      const std::uint32_t storage = flow_.storage_of(ref);
      note_bound(storage);
      if (values_[storage] == none) continue;
      live(values_[storage], tick);
      if (back != none && needs.inputs) live(values_[storage], back);
    }
    for (std::uint16_t o = 0; o < call.outputs.size(); ++o) {
      const std::uint32_t buffer = new_buffer(call.outputs[o].bytes());
      values_[flow_.storage_of({n, o})] = buffer;
      live(buffer, tick);
      if (back != none && needs.outputs) live(buffer, back);
    }
    for (const ValueType& type : call.saved) {
      const std::uint32_t buffer = new_buffer(type.bytes());
      saved_[n].push_back(buffer);
      live(buffer, tick);
      if (back != none) live(buffer, back);
    }
  }

  /// Lets `later` use the memory of `earlier`, which nobody needs after `tick`.
  bool merge(std::uint32_t later, std::uint32_t earlier, std::uint32_t tick) {
    if (later == none || earlier == none) return false;
    later = root(later);
    earlier = root(earlier);
    const Lifetime& life = buffers_[later].life;
    if (later == earlier || buffers_[earlier].life.bytes != life.bytes ||
        buffers_[earlier].life.last != tick) {
      return false;
    }
    buffers_[later].merged_into = earlier;
    live(earlier, life.last);
    return true;
  }

  void merge_forward(std::uint32_t n, std::uint32_t tick) {
    const Node& call = graph_.nodes[n];
    if (!call.op->forward_in_place) return;
    merge(values_[flow_.storage_of({n, 0})], values_[flow_.storage_of(call.inputs.front())], tick);
  }

  /// Notes one more contribution to a gradient. @return whether it is the first
  bool contribute(std::uint32_t storage, std::uint32_t tick) {
    const Storage& to = flow_.storages[storage];
    if (to.kind == Storage::Kind::parameter) {
      const auto [place, first] = last_contribution_.insert_or_assign(to.slot, tick);
      return first;
    }
    const bool first = gradients_[storage] == none;
    if (first) gradients_[storage] = new_buffer(to.type.bytes());
    live(gradients_[storage], tick);
    return first;
  }

  void seed() {
    if (!graph_.losses) return;
    const std::uint32_t losses = flow_.storage_of(*graph_.losses);
    if (flow_.storages[losses].has_gradient) contribute(losses, seed_tick_);
  }

  void live_backward(std::uint32_t n) {
    const Node& call = graph_.nodes[n];
    const std::uint32_t tick = backward_tick_[n];
    std::vector<std::uint32_t>& zeros = missing_.emplace_back();
    for (std::uint16_t o = 0; o < differentiable_outputs(call); ++o) {
      const std::uint32_t storage = flow_.storage_of({n, o});
      if (gradients_[storage] == none) {
        zeros.push_back(new_buffer(flow_.storages[storage].type.bytes()));
        live(zeros.back(), tick);
      } else {
        live(gradients_[storage], tick);
      }
    }
    std::vector<SinkPlan>& sinks = sinks_.emplace_back(call.inputs.size());
    for (std::size_t k = 0; k < differentiable_inputs(call); ++k) {
      const std::uint32_t storage = flow_.storage_of(call.inputs[k]);
      if (!flow_.storages[storage].has_gradient) continue;
      const bool first = contribute(storage, tick);
      sinks[k].mode = first ? GradientSink::Mode::assign : GradientSink::Mode::add;
      // An input that comes twice: both add, to zeros, so that no row has to care which is the
      // first.
      for (std::size_t j = 0; j < k; ++j) {
        if (flow_.storage_of(call.inputs[j]) != storage) continue;
        if (sinks[j].mode != GradientSink::Mode::assign) continue;
        sinks[j] = {GradientSink::Mode::add, true};
      }
    }
    if (call.op->backward_in_place && sinks.front().mode == GradientSink::Mode::assign) {
      merge(gradients_[flow_.storage_of(call.inputs.front())], gradients_[flow_.storage_of({n, 0})],
            tick);
    }
  }

  /// When gradients of parameters are complete: after their last contribution.
  void name_complete() {
    complete_.resize(flow_.backward.size());
    std::map<std::uint32_t, std::vector<ParameterId>> by_tick;
    for (const auto& [slot, tick] : last_contribution_) by_tick[tick].push_back({slot});
    for (const auto& [tick, ids] : by_tick) {
      schedule_.gradients.insert(schedule_.gradients.end(), ids.begin(), ids.end());
      if (tick == seed_tick_) {
        schedule_.complete_at_once = ids;
      } else {
        complete_[tick - seed_tick_ - 1] = ids;
      }
    }
  }

  void place_buffers() {
    std::vector<Lifetime> lives;
    std::vector<std::size_t> index(buffers_.size());
    for (std::size_t b = 0; b < buffers_.size(); ++b) {
      if (buffers_[b].merged_into != none) continue;
      index[b] = lives.size();
      lives.push_back(buffers_[b].life);
    }
    const MemoryPlan memory = plan_memory(lives);
    schedule_.workspace_bytes = memory.bytes;
    offsets_.resize(buffers_.size());
    for (std::uint32_t b = 0; b < buffers_.size(); ++b) {
      offsets_[b] = memory.offsets[index[root(b)]];
    }
  }

  [[nodiscard]] Location in_workspace(std::uint32_t buffer) const {
    if (buffer == none) return {};
    return {Location::Kind::workspace, offsets_[buffer]};
  }

  [[nodiscard]] Location place_of(std::uint32_t storage) const {
    const Storage& what = flow_.storages[storage];
    if (what.kind == Storage::Kind::input) return {Location::Kind::input, what.slot};
    if (what.kind == Storage::Kind::parameter) return {Location::Kind::parameter, what.slot};
    return in_workspace(values_[storage]);
  }

  [[nodiscard]] Operand gradient_of(ValueRef value) const {
    const std::uint32_t storage = flow_.storage_of(value);
    const Storage& what = flow_.storages[storage];
    const Location place = what.kind == Storage::Kind::parameter
                               ? Location{Location::Kind::gradient, what.slot}
                               : in_workspace(gradients_[storage]);
    return {place, type_of(graph_, value)};
  }

  [[nodiscard]] std::vector<Operand> input_operands(const Node& call) const {
    std::vector<Operand> operands;
    for (const ValueRef ref : call.inputs) {
      operands.push_back({place_of(flow_.storage_of(ref)), type_of(graph_, ref)});
    }
    return operands;
  }

  [[nodiscard]] std::vector<Operand> output_operands(std::uint32_t n) const {
    std::vector<Operand> operands;
    const Node& call = graph_.nodes[n];
    for (std::uint16_t o = 0; o < call.outputs.size(); ++o) {
      operands.push_back({place_of(flow_.storage_of({n, o})), call.outputs[o]});
    }
    return operands;
  }

  [[nodiscard]] std::vector<Operand> saved_operands(std::uint32_t n) const {
    std::vector<Operand> operands;
    const Node& call = graph_.nodes[n];
    for (std::size_t s = 0; s < call.saved.size(); ++s) {
      operands.push_back({in_workspace(saved_[n][s]), call.saved[s]});
    }
    return operands;
  }

  [[nodiscard]] double flops_of(const Node& call) const {
    if (!call.op->flops) return 0;
    std::vector<ValueType> types;
    for (const ValueRef ref : call.inputs) types.push_back(type_of(graph_, ref));
    return call.op->flops(types, call.outputs);
  }

  void emit_forward(std::uint32_t n) {
    schedule_.forward.push_back(
        {n, input_operands(graph_.nodes[n]), output_operands(n), saved_operands(n)});
    const ForwardRun& run = schedule_.forward.back();
    schedule_.flops += flops_of(graph_.nodes[n]);
    schedule_.most_views =
        std::max(schedule_.most_views, run.inputs.size() + run.outputs.size() + run.saved.size());
  }

  void emit_backward(std::uint32_t n, std::size_t i) {
    const Node& call = graph_.nodes[n];
    BackwardRun run;
    run.node = n;
    run.inputs = input_operands(call);
    run.outputs = output_operands(n);
    run.saved = saved_operands(n);
    run.complete = complete_[i];
    const BackwardNeeds needs = needs_of(call);
    const auto forget = [](std::vector<Operand>& operands) {
      for (Operand& operand : operands) operand.place = {};
    };
    if (!needs.inputs) forget(run.inputs);
    if (!needs.outputs) forget(run.outputs);

    std::size_t zero = 0;
    for (std::uint16_t o = 0; o < call.outputs.size(); ++o) {
      Operand gradient{{}, call.outputs[o]};
      if (o < differentiable_outputs(call)) {
        gradient = gradient_of({n, o});
        if (gradient.place.kind == Location::Kind::none) {
          gradient.place = in_workspace(missing_[i][zero++]);
          run.clears.push_back(gradient);
        }
      }
      run.output_gradients.push_back(gradient);
    }
    for (std::size_t k = 0; k < call.inputs.size(); ++k) {
      const SinkPlan& planned = sinks_[i][k];
      Sink sink{{{}, type_of(graph_, call.inputs[k])}, planned.mode};
      if (planned.mode != GradientSink::Mode::none) {
        sink.to = gradient_of(call.inputs[k]);
        if (k < 2) schedule_.flops += flops_of(call);
      }
      if (planned.clear) run.clears.push_back(sink.to);
      run.sinks.push_back(sink);
    }
    schedule_.most_views = std::max(schedule_.most_views,
                                    run.inputs.size() + 2 * run.outputs.size() + run.saved.size());
    schedule_.most_sinks = std::max(schedule_.most_sinks, run.sinks.size());
    schedule_.backward.push_back(std::move(run));
  }

  void emit_values() {
    schedule_.first_value = flow_.first_value;
    for (const std::uint32_t storage : flow_.storage_of_value) {
      schedule_.values.push_back(place_of(storage));
    }
    if (!graph_.losses || !flow_.storages[flow_.storage_of(*graph_.losses)].has_gradient) return;
    schedule_.seed = gradient_of(*graph_.losses);
  }

  const Graph& graph_;
  Dataflow flow_;
  std::uint32_t seed_tick_;
  std::uint32_t end_tick_;
  Schedule schedule_;
  std::vector<Buffer> buffers_;
  std::vector<std::size_t> offsets_;
  std::vector<std::uint32_t> values_;                         // buffer of each storage
  std::vector<std::uint32_t> gradients_;                      // buffer of each storage's gradient
  std::vector<std::vector<std::uint32_t>> saved_;             // buffers, by node
  std::vector<std::uint32_t> backward_tick_;                  // by node
  std::vector<std::vector<std::uint32_t>> missing_;           // buffers of zeros, by backward call
  std::vector<std::vector<SinkPlan>> sinks_;                  // by backward call and input
  std::vector<std::vector<ParameterId>> complete_;            // by backward call
  std::map<std::uint32_t, std::uint32_t> last_contribution_;  // tick, by parameter
  std::set<std::uint32_t> bound_;                             // storages
};

}  // namespace

Schedule make_schedule(const Graph& graph, bool training) {
  return Scheduler(graph, training).run();
}

}  // namespace raven
