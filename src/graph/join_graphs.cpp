#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <unordered_map>

#include "join_budget.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/autobatch.hpp"
#include "row_runs.hpp"

namespace raven {
namespace {

using Samples = std::span<const std::shared_ptr<const SampleGraph>>;
using Signature = SampleGraph::Signature;

/// What running one call more costs, forward and backward, and what bringing a byte together with
/// others costs on both ways: measured with `raven bench train tagger`, good to a factor of two.
constexpr double ns_a_call = 2000;
constexpr double ns_a_byte = 0.5;

/// Pieces that rows are named by at most; above it they are put together by a call.
constexpr std::size_t most_pieces = 4096;

/// Values that one call takes at most.
constexpr std::size_t most_inputs = 1000;

struct SignatureHash {
  std::size_t operator()(const Signature& signature) const { return signature[0]; }
};

/// A call of one sample.
struct Instance {
  std::uint32_t sample = 0;
  std::uint32_t node = 0;
  auto operator<=>(const Instance&) const = default;
};

class Joiner {
 public:
  Joiner(Samples samples, Autobatch mode, const JoinLimits& limits)
      : samples_(samples), mode_(mode), budget_(limits) {
    std::size_t values = 0;
    for (const auto& sample : samples_) {
      first_value_.push_back(values);
      values += sample->value_count();
    }
    places_.resize(values);
  }

  Graph run() {
    join_inputs();
    if (mode_ == Autobatch::on) {
      agenda();
    } else {
      for (std::uint32_t s = 0; s < samples_.size(); ++s) {
        for (std::uint32_t n = 0; n < graph_of(s).nodes.size(); ++n) {
          if (is_instance(s, n)) emit_alone({s, n});
        }
      }
    }
    ask();
    return std::move(joined_);
  }

 private:
  /// Where a value of a sample is in the joined graph.
  struct Place {
    ValueRef value;
    std::int64_t first = 0;
  };

  /// Signatures are hashes, and whoever sent the graphs may have made two of one on purpose.
  static void expect_alike(const Node& a, const Node& b) {
    if (a.kind == b.kind && a.op == b.op && a.inputs.size() == b.inputs.size() &&
        a.outputs.size() == b.outputs.size()) {
      return;
    }
    reject("two different calls have one signature", no_fault);
  }

  /// Calls that may be one, of which some are ready.
  struct Group {
    Instance like;             ///< one of them
    std::uint64_t depths = 0;  ///< sum over those that did not run yet
    std::uint64_t left = 0;
    std::vector<Instance> ready;
  };

  [[nodiscard]] const Graph& graph_of(std::uint32_t s) const { return samples_[s]->graph(); }
  [[nodiscard]] const SampleGraph::Info& info_of(Instance i) const {
    return samples_[i.sample]->info(i.node);
  }
  [[nodiscard]] const Node& node_of(Instance i) const { return graph_of(i.sample).nodes[i.node]; }
  /// A call that each sample has one of its own of.
  [[nodiscard]] bool is_instance(std::uint32_t s, std::uint32_t n) const {
    const SampleGraph::Info& info = samples_[s]->info(n);
    return info.needed && !info.shared && graph_of(s).nodes[n].kind == Node::Kind::call;
  }
  [[nodiscard]] std::size_t place_index(std::uint32_t s, ValueRef value) const {
    return first_value_[s] + samples_[s]->info(value.node).first_value + value.output;
  }
  [[nodiscard]] Place& place(std::uint32_t s, ValueRef value) {
    return places_[place_index(s, value)];
  }

  std::uint32_t add(Node node) {
    joined_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(joined_.nodes.size() - 1);
  }

  void join_inputs() {
    std::map<std::uint32_t, std::pair<std::uint32_t, std::size_t>> by_slot;  // node, samples
    for (std::uint32_t s = 0; s < samples_.size(); ++s) {
      for (std::uint32_t n = 0; n < graph_of(s).nodes.size(); ++n) {
        const Node& node = graph_of(s).nodes[n];
        if (node.kind != Node::Kind::input) continue;
        const ValueType& type = node.outputs.front();
        if (type.shape.rank() == 0) reject("an input has no rows", same_inputs);
        const auto [found, fresh] = by_slot.try_emplace(node.slot);
        auto& [joined, count] = found->second;
        if (fresh) joined = add(Node(node));
        ValueType& whole = joined_.nodes[joined].outputs.front();
        if (whole.dtype != type.dtype ||
            whole.shape.without_first() != type.shape.without_first()) {
          reject("input " + std::to_string(node.slot) + " is of another type in each", same_inputs);
        }
        place(s, {n, 0}) = {{joined, 0}, fresh ? 0 : whole.shape[0]};
        if (!fresh) whole.shape[0] += type.shape[0];
        ++count;
      }
    }
    for (const auto& [slot, joined] : by_slot) {
      if (joined.second != samples_.size()) {
        reject("not all have input " + std::to_string(slot), same_inputs);
      }
    }
  }

  /// Whether a call only names rows of its inputs, some of one or all of several, one after the
  /// other: then there is nothing to run.
  [[nodiscard]] bool names_rows(Instance i) const {
    const Node& node = node_of(i);
    if (node.op != slice_ && node.op != concat_) return false;
    for (const ValueRef input : node.inputs) {
      if (samples_[i.sample]->info(input.node).shared) return false;
    }
    const auto* axis = node.attributes.find("axis");
    return axis != nullptr ? std::get<std::int64_t>(*axis) == 0
                           : node.outputs.front().shape.rank() == 1;
  }

  /// @return whether it could be done without a call
  [[nodiscard]] bool name_rows(Instance i) {
    const Node& node = node_of(i);
    std::vector<Run> rows;
    for (const ValueRef input : node.inputs) {
      append_runs(i.sample, input, rows);
      if (rows.size() > most_pieces) return false;
    }
    if (node.op == slice_) {
      std::int64_t skip = node.attributes.integer("first");
      std::int64_t left = node.outputs.front().shape[0];
      std::vector<Run> some;
      for (Run run : rows) {
        const std::int64_t skipped = std::min(skip, run.count);
        skip -= skipped;
        run.first += skipped;
        run.count = std::min(run.count - skipped, left);
        left -= run.count;
        if (run.count > 0) some.push_back(run);
      }
      rows = std::move(some);
    }
    rows = merge_runs(rows);
    place(i.sample, {i.node, 0}) = {rows.front().value, rows.front().first};
    if (rows.size() > 1) {
      budget_.pieces(rows.size());
      scattered_[place_index(i.sample, {i.node, 0})] = std::move(rows);
    }
    return true;
  }

  /// A value of parameters alone, made once for all samples.
  ValueRef shared(std::uint32_t s, ValueRef value) {
    const auto [found, fresh] =
        shared_.try_emplace(samples_[s]->info(value.node).signature, std::uint32_t{0});
    if (!fresh) {
      expect_alike(joined_.nodes[found->second], graph_of(s).nodes[value.node]);
      return {found->second, value.output};
    }
    Node node = graph_of(s).nodes[value.node];
    for (ValueRef& input : node.inputs) input = shared(s, input);
    const std::uint32_t made = add(std::move(node));
    shared_[samples_[s]->info(value.node).signature] = made;
    return {made, value.output};
  }

  /// Appends where the rows of a value are.
  void append_runs(std::uint32_t s, ValueRef value, std::vector<Run>& to) {
    const std::size_t index = place_index(s, value);
    if (!scattered_.empty()) {
      if (const auto found = scattered_.find(index); found != scattered_.end()) {
        to.insert(to.end(), found->second.begin(), found->second.end());
        return;
      }
    }
    const Place& at = places_[index];
    to.push_back({at.value, at.first, type_of(graph_of(s), value).shape[0]});
  }

  [[nodiscard]] bool is_whole(const Run& run) const {
    return run.first == 0 && run.count == type_of(joined_, run.value).shape[0];
  }

  /// The value that has these rows one after the other.
  ValueRef assemble(std::span<const Run> parts) {
    const std::vector<Run> runs = merge_runs(parts);
    if (runs.size() == 1 && is_whole(runs.front())) return runs.front().value;
    std::vector<ValueRef> inputs;
    std::map<ValueRef, std::int64_t> number;
    std::vector<std::int64_t> flat;
    flat.reserve(3 * runs.size());
    for (const Run& run : runs) {
      const auto [found, fresh] =
          number.try_emplace(run.value, static_cast<std::int64_t>(inputs.size()));
      if (fresh) inputs.push_back(run.value);
      flat.insert(flat.end(), {found->second, run.first, run.count});
    }
    if (inputs.size() > most_inputs) {
      const std::size_t half = runs.size() / 2;
      const ValueRef halves[] = {assemble(std::span(runs).first(half)),
                                 assemble(std::span(runs).subspan(half))};
      Run both[2];
      for (std::size_t i = 0; i < 2; ++i) {
        both[i] = {halves[i], 0, type_of(joined_, halves[i]).shape[0]};
      }
      return assemble(both);
    }
    budget_.pieces(runs.size());
    const auto [found, fresh] = picks_.try_emplace({inputs, flat});
    if (!fresh) return found->second;
    const ValueRef made{call(*pick_, {{"runs", std::move(flat)}}, std::move(inputs)), 0};
    found->second = made;
    return made;
  }

  std::uint32_t call(const OpDef& op, Attributes attributes, std::vector<ValueRef> inputs) {
    types_.clear();
    for (const ValueRef value : inputs) types_.push_back(type_of(joined_, value));
    CallTypes made = op.infer(types_, attributes);
    Node node;
    node.kind = Node::Kind::call;
    node.op = &op;
    node.attributes = std::move(attributes);
    node.inputs = std::move(inputs);
    node.outputs = std::move(made.outputs);
    node.saved = std::move(made.saved);
    budget_.values(node);
    return add(std::move(node));
  }

  /// Input `k` of all these calls.
  ValueRef operand(std::span<const Instance> group, std::size_t k) {
    const ValueRef first = node_of(group.front()).inputs[k];
    if (samples_[group.front().sample]->info(first.node).shared) {
      return shared(group.front().sample, first);
    }
    runs_.clear();
    for (const Instance i : group) append_runs(i.sample, node_of(i).inputs[k], runs_);
    return assemble(runs_);
  }

  void emit_alone(Instance i) {
    if (names_rows(i) && name_rows(i)) return;
    emit({&i, 1});
  }

  void emit(std::span<const Instance> group) {
    const Node& like = node_of(group.front());
    std::vector<ValueRef> inputs;
    for (std::size_t k = 0; k < like.inputs.size(); ++k) inputs.push_back(operand(group, k));
    Attributes attributes = like.attributes;
    if (like.op->joined != nullptr && group.size() > 1) {
      std::int64_t rows = 0;
      for (const Instance i : group) rows += node_of(i).outputs.front().shape[0];
      attributes = like.op->joined(like.attributes, rows);
    }
    const std::uint32_t made = call(*like.op, std::move(attributes), std::move(inputs));
    for (std::uint16_t o = 0; o < like.outputs.size(); ++o) {
      std::int64_t first = 0;
      for (const Instance i : group) {
        place(i.sample, {i.node, o}) = {{made, o}, first};
        const Shape& shape = node_of(i).outputs[o].shape;
        first += shape.rank() == 0 ? 1 : shape[0];
      }
    }
  }

  /// Bytes to be moved for one call on the rows of all, less those for a call on each.
  [[nodiscard]] double bytes_more(std::span<const Instance> group) {
    const Node& like = node_of(group.front());
    const std::uint64_t mask = info_of(group.front()).row_inputs;
    double bytes = 0;
    for (std::size_t k = 0; k < like.inputs.size() && k < 64; ++k) {
      if ((mask >> k & 1U) == 0) continue;
      runs_.clear();
      double all = 0;
      double alone = 0;
      for (const Instance i : group) {
        const ValueRef input = node_of(i).inputs[k];
        const std::size_t before = runs_.size();
        append_runs(i.sample, input, runs_);
        const auto size = static_cast<double>(type_of(graph_of(i.sample), input).bytes());
        all += size;
        if (runs_.size() > before + 1 || !is_whole(runs_.back())) alone += size;
      }
      const std::vector<Run> together = merge_runs(runs_);
      if (together.size() > 1 || !is_whole(together.front())) bytes += all;
      bytes -= alone;
    }
    return bytes;
  }

  [[nodiscard]] bool pays(std::span<const Instance> group) {
    const double saved = static_cast<double>(group.size() - 1) * ns_a_call;
    return bytes_more(group) * ns_a_byte <= saved;
  }

  [[nodiscard]] std::uint32_t group_of(Instance i) {
    const SampleGraph::Info& info = info_of(i);
    if (!info.joins) {
      groups_.emplace_back();
      return static_cast<std::uint32_t>(groups_.size() - 1);
    }
    const auto [found, fresh] =
        group_of_.try_emplace(info.signature, static_cast<std::uint32_t>(groups_.size()));
    if (fresh) {
      groups_.emplace_back();
      groups_.back().like = i;
    } else {
      const Instance like = groups_[found->second].like;
      expect_alike(node_of(like), node_of(i));
      if (info_of(like).row_inputs != info.row_inputs) {
        reject("two different calls have one signature", no_fault);
      }
    }
    return found->second;
  }

  void agenda() {
    // By sample and node: what it still waits for, and its group.
    std::vector<std::size_t> first_node;
    std::size_t nodes = 0;
    for (const auto& sample : samples_) {
      first_node.push_back(nodes);
      nodes += sample->graph().nodes.size();
    }
    std::vector<std::uint32_t> waits(nodes);
    std::vector<std::uint32_t> group(nodes);
    // Groups with a call ready. Where a group stands changes only while it is not among them.
    const auto is_later = [&](std::uint32_t a, std::uint32_t b) {
      // depths / left, compared without rounding; the first of equal ones.
      const std::uint64_t left = groups_[a].depths * groups_[b].left;
      const std::uint64_t right = groups_[b].depths * groups_[a].left;
      return left != right ? left > right : a > b;
    };
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, decltype(is_later)> active(
        is_later);
    std::vector<Instance> ready;
    // What has become ready goes to its group; what has nothing to run is done at once.
    const auto sort_ready = [&] {
      while (!ready.empty()) {
        const Instance i = ready.back();
        ready.pop_back();
        if (names_rows(i)) {
          if (!name_rows(i)) emit({&i, 1});
          for (const std::uint32_t user : samples_[i.sample]->users(i.node)) {
            if (--waits[first_node[i.sample] + user] == 0) ready.push_back({i.sample, user});
          }
          continue;
        }
        const std::uint32_t g = group[first_node[i.sample] + i.node];
        if (groups_[g].ready.empty()) active.push(g);
        groups_[g].ready.push_back(i);
      }
    };
    for (std::uint32_t s = 0; s < samples_.size(); ++s) {
      for (std::uint32_t n = 0; n < graph_of(s).nodes.size(); ++n) {
        if (!is_instance(s, n)) continue;
        waits[first_node[s] + n] = samples_[s]->info(n).waits_for;
        if (samples_[s]->info(n).waits_for == 0) ready.push_back({s, n});
        if (names_rows({s, n})) continue;
        const std::uint32_t g = group_of({s, n});
        group[first_node[s] + n] = g;
        groups_[g].depths += samples_[s]->info(n).depth;
        ++groups_[g].left;
      }
    }
    sort_ready();
    while (!active.empty()) {
      const std::uint32_t g = active.top();
      active.pop();
      std::vector<Instance> run = std::move(groups_[g].ready);
      groups_[g].ready.clear();
      std::sort(run.begin(), run.end());
      groups_[g].left -= run.size();
      if (run.size() > 1 && pays(run)) {
        emit(run);
      } else {
        for (const Instance i : run) emit_alone(i);
      }
      for (const Instance i : run) {
        groups_[g].depths -= info_of(i).depth;
        for (const std::uint32_t user : samples_[i.sample]->users(i.node)) {
          if (--waits[first_node[i.sample] + user] == 0) ready.push_back({i.sample, user});
        }
      }
      sort_ready();
    }
  }

  /// A value that is asked of each, one after the other.
  ValueRef ask_for(const std::vector<ValueRef>& asked) {
    runs_.clear();
    for (std::uint32_t s = 0; s < samples_.size(); ++s) {
      if (samples_[s]->info(asked[s].node).shared) {
        reject("something asked of the model depends on parameters alone", rows_of_samples);
      }
      if (type_of(graph_of(s), asked[s]).shape.rank() == 0) {
        reject("something asked has no rows", rows_of_samples);
      }
      append_runs(s, asked[s], runs_);
    }
    const std::vector<Run> runs = runs_;
    return assemble(runs);
  }

  std::optional<ValueRef> ask_for(std::optional<ValueRef> Graph::*what) {
    std::vector<ValueRef> asked;
    for (std::uint32_t s = 0; s < samples_.size(); ++s) {
      if (const auto& value = graph_of(s).*what) asked.push_back(*value);
    }
    if (asked.empty()) return std::nullopt;
    if (asked.size() != samples_.size())
      reject("not all have a loss, or a prediction", same_results);
    return ask_for(asked);
  }

  void ask() {
    joined_.losses = ask_for(&Graph::losses);
    joined_.weights = ask_for(&Graph::weights);
    joined_.prediction = ask_for(&Graph::prediction);
    const std::vector<Metric>& metrics = graph_of(0).metrics;
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      std::vector<ValueRef> asked;
      for (std::uint32_t s = 0; s < samples_.size(); ++s) {
        const std::vector<Metric>& own = graph_of(s).metrics;
        if (own.size() != metrics.size() || own[m].name != metrics[m].name) {
          reject("not all have the same metrics", same_results);
        }
        asked.push_back(own[m].value);
      }
      joined_.metrics.push_back({metrics[m].name, ask_for(asked)});
    }
  }

  Samples samples_;
  Autobatch mode_;
  JoinBudget budget_;
  Graph joined_;
  std::vector<std::size_t> first_value_;                         // by sample
  std::vector<Place> places_;                                    // of all values of all samples
  std::unordered_map<std::size_t, std::vector<Run>> scattered_;  // values whose rows are not in one
  std::unordered_map<Signature, std::uint32_t, SignatureHash> shared_;
  std::unordered_map<Signature, std::uint32_t, SignatureHash> group_of_;
  std::vector<Group> groups_;
  std::map<std::pair<std::vector<ValueRef>, std::vector<std::int64_t>>, ValueRef> picks_;
  const OpDef* pick_ = find_op("pick");
  const OpDef* slice_ = find_op("slice");
  const OpDef* concat_ = find_op("concat");
  std::vector<Run> runs_;         // reused
  std::vector<ValueType> types_;  // reused
};

}  // namespace

Graph join_graphs(Samples samples, Autobatch mode, const JoinLimits& limits) {
  expects(!samples.empty(), "there is something to join");
  return Joiner(samples, mode, limits).run();
}

}  // namespace raven
