#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/box.hpp"
#include "raven/cluster/master.hpp"

namespace raven {

/// Drives a master by hand: says what comes in and when, and keeps what goes out, peer by peer.
class Stage {
 public:
  explicit Stage(ClusterBox& box)
      : compute_(1),
        master_(box.setup(), box.fresh_parameters(), compute_, buffers_, nullptr, now_),
        numerics_(box.setup().numerics),
        parameters_(box.fresh_parameters()),
        metrics_(metrics_of(box)) {}

  void says(std::uint32_t peer, const AnyMessage& message, Blob body = {}) {
    MasterActions actions;
    const auto behind = gateways_.find(peer);
    master_.on({.kind = Event::Kind::message,
                .peer = {peer},
                .message = encode(message, std::move(body)),
                .gateway = behind == gateways_.end() ? 0 : behind->second},
               now_, actions);
    keep(actions);
  }
  [[nodiscard]] Hello hello() const {
    return {.numerics = numerics_, .node = "stage", .threads = 1};
  }
  void greets(std::uint32_t peer) {
    says(peer, hello());
    says(peer, Ready{.readable = {1, 1}});
  }
  /// From now on that peer is behind a gateway.
  void is_behind(std::uint32_t peer, std::uint32_t gateway) { gateways_[peer] = gateway; }
  void passes(std::chrono::nanoseconds time) {
    now_ += std::chrono::duration_cast<Instant::duration>(time);
    MasterActions actions;
    master_.tick(now_, actions);
    keep(actions);
  }
  void disappears(std::uint32_t peer) {
    MasterActions actions;
    master_.on({Event::Kind::lost, {peer}, {}}, now_, actions);
    keep(actions);
  }

  /// Sends what a lease asks for, all zeros, and that it is done; time goes by meanwhile. A gateway
  /// withholds the gradients.
  void answers(std::uint32_t peer, std::uint64_t work, SnippetRange node,
               std::chrono::milliseconds took,
               std::optional<std::chrono::nanoseconds> claims = {}) {
    now_ += took;
    sends_stats(peer, work, node);
    for (std::uint32_t id = 0; id < parameters_.size(); ++id) {
      const GradientMessage gradient{work, node, {id}, gateways_.contains(peer)};
      says(peer, gradient, gradient.withheld ? Blob{} : zeros(id));
    }
    is_done(peer, work, node, claims.value_or(took));
  }
  /// The same in an evaluation, which asks for no gradients.
  void evaluates(std::uint32_t peer, std::uint64_t work, SnippetRange node,
                 std::chrono::milliseconds took) {
    now_ += took;
    sends_stats(peer, work, node);
    is_done(peer, work, node, took);
  }

  /// What a gateway had withheld comes.
  void sums(std::uint32_t gateway, std::uint64_t work, SnippetRange node) {
    const std::uint32_t itself = gateway_peer(gateway).value;
    is_behind(itself, gateway);
    for (std::uint32_t id = 0; id < parameters_.size(); ++id) {
      says(itself, SumMessage{work, node, {id}}, zeros(id));
    }
  }

  /// Subtrees leased to a peer since the last call.
  std::vector<SnippetRange> leases_of(std::uint32_t peer) {
    std::vector<SnippetRange> nodes;
    for (const AnyMessage& message : std::exchange(sent_[peer], {})) {
      if (const auto* lease = std::get_if<Lease>(&message)) nodes.push_back(lease->node);
    }
    return nodes;
  }
  template <class M>
  std::optional<M> last(std::uint32_t peer) const {
    std::optional<M> found;
    const auto messages = sent_.find(peer);
    if (messages == sent_.end()) return found;
    for (const AnyMessage& message : messages->second) {
      if (const auto* wanted = std::get_if<M>(&message)) found = *wanted;
    }
    return found;
  }
  template <class M>
  [[nodiscard]] int count(std::uint32_t peer) const {
    const auto& messages = sent_.at(peer);
    return static_cast<int>(
        std::count_if(messages.begin(), messages.end(),
                      [](const auto& message) { return std::holds_alternative<M>(message); }));
  }
  /// Everything that was sent to a peer.
  [[nodiscard]] const std::vector<AnyMessage>& sent(std::uint32_t peer) const {
    return sent_.at(peer);
  }
  void looks_ahead() { master_.look_ahead(); }
  void stops() { master_.request_stop(); }
  void holds(bool held) { master_.hold(held); }
  [[nodiscard]] int events(const std::string& kind) const {
    return static_cast<int>(std::count(events_.begin(), events_.end(), kind));
  }
  [[nodiscard]] int checkpoints() const { return checkpoints_; }
  [[nodiscard]] bool dropped(std::uint32_t peer) const {
    return std::find(dropped_.begin(), dropped_.end(), PeerId{peer}) != dropped_.end();
  }
  [[nodiscard]] const Master& master() const { return master_; }

 private:
  static std::size_t metrics_of(const ClusterBox& box) {
    const MasterSetup setup = box.setup();
    if (!setup.record_sample) return setup.record(6, Tape::Mode::training).metrics.size();
    return setup.record_sample(0, 0, Tape::Mode::training, box.fresh_parameters())
        .graph->metric_names.size();
  }
  [[nodiscard]] Blob zeros(std::uint32_t id) const {
    return Blob(Bytes(parameters_[{id}].value.type().bytes()));
  }
  void sends_stats(std::uint32_t peer, std::uint64_t work, SnippetRange node) {
    for (std::uint32_t i = node.first; i < node.end(); ++i) {
      says(peer, StatsMessage{.work = work,
                              .node = node,
                              .index = i,
                              .loss = 1,
                              .weight = 6,
                              .metrics = std::vector<double>(metrics_)});
    }
  }
  void is_done(std::uint32_t peer, std::uint64_t work, SnippetRange node,
               std::chrono::nanoseconds elapsed) {
    const auto ns = static_cast<std::uint64_t>(elapsed.count());
    says(peer, DoneMessage{.work = work, .node = node, .compute_ns = ns, .elapsed_ns = ns});
  }
  void keep(MasterActions& actions) {
    for (const auto& [peer, message] : actions.sends)
      sent_[peer.value].push_back(decode(message.head).value());
    dropped_.insert(dropped_.end(), actions.drops.begin(), actions.drops.end());
    for (const RunEvent& event : actions.events) events_.push_back(event.kind);
    checkpoints_ += actions.checkpoint ? 1 : 0;
  }

  Instant now_{std::chrono::seconds(1000)};
  ComputePool compute_;
  BufferPool buffers_;
  Master master_;
  NumericsClass numerics_;
  ParameterStore parameters_;
  std::size_t metrics_;
  std::map<std::uint32_t, std::uint32_t> gateways_;  ///< of peers behind one
  std::map<std::uint32_t, std::vector<AnyMessage>> sent_;
  std::vector<PeerId> dropped_;
  std::vector<std::string> events_;
  int checkpoints_ = 0;
};

}  // namespace raven
