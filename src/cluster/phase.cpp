#include "cluster/phase.hpp"

#include <algorithm>
#include <cmath>

#include "raven/core/contract.hpp"

namespace raven {

bool OpenLease::answered() const {
  const auto none = [](const std::vector<bool>& owed) {
    return std::find(owed.begin(), owed.end(), true) == owed.end();
  };
  return none(stats_owed) && none(gradients_owed);
}

void Phase::begin(std::vector<Snippet> pieces, const RecordedGraph& recorded,
                  const ParameterStore& store, Tensor from) {
  snippets = std::move(pieces);
  state = std::move(from);
  graph = &recorded;
  leases.clear();
  returned.assign(1, root());
  weight = 0;
  loss = 0;
  stats_.assign(snippets.size(), std::nullopt);
  stats_left_ = snippets.size();
  tensors_.clear();
  tensors_.resize(store.size());
  parameters.clear();
  versions.clear();
  for (const Parameter& parameter : store.all()) {
    parameters.push_back(parameter.value);
    versions.push_back(parameter.version);
  }
  totals_left_ = 0;
  if (purpose == Purpose::train) {
    for (const ParameterId id : recorded.gradients) {
      tensors_[id.value] = {std::vector<bool>(snippets.size()), false, TreeSum(root()), {}};
    }
    totals_left_ = recorded.gradients.size();
  }
  taken_left_ = totals_left_;
  taken_ = 0;
  answers_ = 0;
}

std::int64_t Phase::rows(SnippetRange node) const {
  std::int64_t rows = 0;
  for (std::uint32_t i = node.first; i < node.end(); ++i) rows += snippets[i].rows;
  return rows;
}

std::optional<SnippetStats> Phase::read_stats(const StatsMessage& message, const Blob& body) const {
  if (!message.node.contains({message.index, 1})) return std::nullopt;
  if (message.metrics.size() != graph->metric_names.size()) return std::nullopt;
  SnippetStats stats{.index = message.index,
                     .loss = message.loss,
                     .weight = message.weight,
                     .metrics = message.metrics,
                     .statistics = {},
                     .prediction = {},
                     .state = {}};
  std::size_t at = 0;
  const auto take = [&](const ValueType& type) -> std::optional<Tensor> {
    if (body.size() - at < type.bytes()) return std::nullopt;
    const Blob part(body.owner(), body.bytes().subspan(at, type.bytes()));
    at += type.bytes();
    return Tensor(type, part);
  };
  if (purpose == Purpose::train) {
    for (const ValueType& type : graph->statistic_types) {
      std::optional<Tensor> taken = take(type);
      if (!taken) return std::nullopt;
      stats.statistics.push_back(std::move(*taken));
    }
  }
  if (!state.empty()) {
    const std::int64_t rows_there = snippets[message.index].rows;
    std::optional<Tensor> taken = take({DType::f32, {rows_there, state.shape()[1]}});
    if (!taken) return std::nullopt;
    stats.state = std::move(*taken);
  }
  if (at != body.size()) return std::nullopt;
  return stats;
}

void Phase::add_stats(SnippetStats stats) {
  auto& place = stats_[stats.index];
  if (place) return;  // equal bits make the first as good as any
  place = std::move(stats);
  if (--stats_left_ == 0) {
    // In snippet order, so that the sums have the same bits whoever answered first.
    for (const auto& piece : stats_) {
      loss += piece->loss;
      weight += piece->weight;
    }
  }
}

Tensor Phase::state_after() const {
  if (state.empty()) return {};
  Tensor after(state.type());
  auto* to = static_cast<std::byte*>(after.view().data);
  for (const auto& piece : stats_) {
    const ByteSpan bytes = piece->state.bytes();
    to = std::copy(bytes.begin(), bytes.end(), to);
  }
  return after;
}

Blob Phase::state_of(SnippetRange node) const {
  if (state.empty()) return {};
  const std::size_t row = static_cast<std::size_t>(state.shape()[1]) * element_bytes;
  const auto first = static_cast<std::size_t>(snippets[node.first].first);
  const Blob all = state.blob();
  return {all.owner(),
          all.bytes().subspan(first * row, static_cast<std::size_t>(rows(node)) * row)};
}

Phase::Verdict Phase::add_gradient(SnippetRange node, ParameterId id, Gradient sum, bool adds_last,
                                   FunctionRef<Gradient(const Gradient&, const Gradient&)> add) {
  if (!asks_for(id)) return Verdict::wrong;
  TensorProgress& progress = tensors_[id.value];
  const auto first = progress.covered.begin() + node.first;
  const auto last = first + node.count;
  if (std::find(first, last, false) == last) return Verdict::repeated;
  // Parts of it may have come from others. As the node was not complete, they wait below it.
  progress.sum.forget_within(node);
  std::fill(first, last, true);
  while (auto pair = progress.sum.bring(node, std::move(sum))) {
    const bool dense =
        pair->left.form() == Gradient::Form::dense && pair->right.form() == Gradient::Form::dense;
    if (pair->node == root() && dense && !adds_last) {
      progress.total = {std::move(pair->left), std::move(pair->right.dense())};
      break;
    }
    sum = add(pair->left, pair->right);
    node = pair->node;
  }
  if (!progress.sum.total().empty()) progress.total = {progress.sum.take_total(), {}};
  if (!progress.total.sum.empty()) --totals_left_;
  return Verdict::used;
}

void Phase::ask_again(ParameterId id) {
  TensorProgress& progress = tensors_[id.value];
  if (!progress.total.sum.empty()) ++totals_left_;
  progress = {std::vector<bool>(snippets.size()), true, TreeSum(root()), {}};
}

void Phase::take_total(ParameterId id) {
  tensors_[id.value].total = {};
  --taken_left_;
  ++taken_;
}

bool Phase::has_gradient(SnippetRange node, ParameterId id) const {
  const std::vector<bool>& covered = tensors_[id.value].covered;
  const auto first = covered.begin() + node.first;
  return std::find(first, first + node.count, false) == first + node.count;
}

bool Phase::covers(SnippetRange node) const {
  for (std::uint32_t i = node.first; i < node.end(); ++i) {
    if (!stats_[i]) return false;
  }
  return std::all_of(tensors_.begin(), tensors_.end(), [&](const TensorProgress& progress) {
    if (progress.covered.empty()) return true;
    const auto first = progress.covered.begin() + node.first;
    return std::find(first, first + node.count, false) == first + node.count;
  });
}

OpenLease* Phase::find_lease(PeerId peer, SnippetRange node) {
  OpenLease* found = nullptr;
  for (OpenLease& lease : leases) {
    if (lease.peer != peer || lease.node != node) continue;
    if (lease.open) return &lease;
    found = &lease;
  }
  return found;
}

void Phase::note_answer(OpenLease& lease) {
  if (lease.place == 0 && lease.answered()) lease.place = ++answers_;
}

std::vector<PeerId> Phase::workers() const {
  std::vector<const OpenLease*> by_place;
  for (const OpenLease& lease : leases) by_place.push_back(&lease);
  std::stable_sort(by_place.begin(), by_place.end(), [](const OpenLease* a, const OpenLease* b) {
    // Only where nobody else has sent anything is it one whose later numbers were none.
    if (a->doubted != b->doubted) return b->doubted;
    // 0 means not yet: wrapped round, it comes last.
    return a->place - 1 < b->place - 1;
  });
  std::vector<std::optional<PeerId>> found(snippets.size());
  for (const OpenLease* lease : by_place) {
    for (std::uint32_t leaf = lease->node.first; leaf < lease->node.end(); ++leaf) {
      if (!found[leaf] && lease->has_stats_of(leaf)) found[leaf] = lease->peer;
    }
  }
  std::vector<PeerId> peers;
  for (const auto& peer : found) {
    expects(peer.has_value(), "what is complete was sent by somebody");
    peers.push_back(*peer);
  }
  return peers;
}

double Phase::backlog(PeerId peer) const {
  double sum = 0;
  for (const OpenLease& lease : leases) {
    if (lease.open && lease.peer == peer) sum += static_cast<double>(rows(lease.node));
  }
  return sum;
}

double Phase::rows_until(const OpenLease& lease) const {
  double sum = 0;
  for (const OpenLease& earlier : leases) {
    if (earlier.open && earlier.peer == lease.peer) sum += static_cast<double>(rows(earlier.node));
    if (&earlier == &lease) break;
  }
  return sum;
}

void Phase::note_done(OpenLease& lease, Instant now) {
  note_ended(lease, now);
  paces_.at(lease.peer.value).rows += static_cast<double>(rows(lease.node));
}

void Phase::note_ended(OpenLease& lease, Instant now) {
  lease.open = false;
  paces_.at(lease.peer.value).last = now;
}

void Phase::lease_out(PeerId peer, SnippetRange node, Instant now, Instant deadline) {
  if (backlog(peer) == 0) paces_[peer.value] = {.since = now, .last = now};
  OpenLease lease{.peer = peer,
                  .node = node,
                  .since = now,
                  .deadline = deadline,
                  .stats_owed = std::vector<bool>(node.count, true),
                  .gradients_owed = {}};
  if (purpose == Purpose::train) {
    lease.gradients_owed.resize(tensors_.size());
    for (const ParameterId id : graph->gradients) lease.gradients_owed[id.value] = true;
  }
  leases.push_back(std::move(lease));
}

}  // namespace raven
