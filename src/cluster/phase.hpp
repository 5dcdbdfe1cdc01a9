#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "raven/cluster/protocol.hpp"
#include "raven/cluster/roster.hpp"
#include "raven/graph/parameter_store.hpp"
#include "raven/graph/plan.hpp"

namespace raven {

/// What the master keeps of a graph that it recorded.
struct RecordedGraph {
  Digest digest;
  Blob bytes;
  std::vector<ParameterId> parameters;  ///< in the order in which forward needs them
  std::vector<ParameterId> gradients;
  std::vector<std::string> metric_names;
  std::vector<Statistic> statistics;
  std::vector<ValueType> statistic_types;
};

/// A subtree in somebody's hands.
struct OpenLease {
  PeerId peer;
  SnippetRange node;
  Instant since;
  Instant deadline;
  bool open = true;
  bool overdue = false;  ///< was given to others as well because its deadline passed
  bool late = false;     ///< was given to idle ones as well because it takes longer than expected
  bool helped = false;   ///< was given to an idle one as well because that is done earlier
  bool inline_rows = false;  ///< its rows were sent along
  bool withheld = false;     ///< a gateway keeps gradients of it, to be sent as part of a sum
  /// Something of it was no finite number: what it still sends is ignored, and another is asked.
  bool doubted = false;
  std::uint32_t place =
      0;  ///< among those that were answered in full: 1 for the first, 0 for not yet
  /// What its holder still owes, whether or not others answered first: by leaf, by ParameterId.
  std::vector<bool> stats_owed;
  std::vector<bool> gradients_owed;

  [[nodiscard]] bool answered() const;
  /// Something has come for that leaf.
  [[nodiscard]] bool has_stats_of(std::uint32_t leaf) const {
    return node.contains({leaf, 1}) && !stats_owed[leaf - node.first];
  }
};

/// One step or one evaluation under way: what has been handed out and what has come back.
/// Results are used at most once, whoever sends them and however often: equal bits make the first
/// as good as any.
class Phase {
 public:
  enum class Verdict : std::uint8_t { used, repeated, wrong };

  std::uint64_t work = 0;
  Purpose purpose = Purpose::train;
  std::uint64_t step = 0;
  std::uint64_t lease_step = 0;  ///< what leases are told: Lease::step
  std::uint32_t dataset = 0;
  std::vector<Snippet> snippets;
  const RecordedGraph* graph =
      nullptr;  ///< of the first snippet; others differ in the number of rows only
  std::vector<OpenLease> leases;
  std::vector<SnippetRange> returned;  ///< to be handed out (again)
  /// The parameters as they were when the step began, and their versions. Tensors are updated while
  /// others are still being computed; work that is handed out again must start from what the first
  /// holder had.
  std::vector<Tensor> parameters;
  std::vector<std::uint64_t> versions;
  /// Of a model that carries a state: what each row goes on from, f32 [rows, numbers]; else empty.
  Tensor state;
  /// What the last lease that is doubted was doubted for: "the loss", ...
  std::string doubt;
  double weight = 0;  ///< valid once all_stats()
  double loss = 0;

  /// @param from becomes `state`
  void begin(std::vector<Snippet> pieces, const RecordedGraph& recorded,
             const ParameterStore& store, Tensor from = {});

  [[nodiscard]] SnippetRange root() const {
    return {0, static_cast<std::uint32_t>(snippets.size())};
  }
  [[nodiscard]] std::int64_t rows(SnippetRange node) const;
  [[nodiscard]] std::int64_t rows() const { return rows(root()); }

  /// None when it is not what this phase asks for.
  [[nodiscard]] std::optional<SnippetStats> read_stats(const StatsMessage& message,
                                                       const Blob& body) const;
  /// Uses them, unless another's were used before. @pre read_stats() gave them
  void add_stats(SnippetStats stats);
  /// @param sum a gradient of that parameter  @param add adds two of them, left one first
  /// @param adds_last whether it is also asked for the last addition of the tree when both are
  /// dense
  [[nodiscard]] Verdict add_gradient(SnippetRange node, ParameterId id, Gradient sum,
                                     bool adds_last,
                                     FunctionRef<Gradient(const Gradient&, const Gradient&)> add);

  /// Whether a gradient of that parameter is asked for.
  [[nodiscard]] bool asks_for(ParameterId id) const {
    return id.value < tensors_.size() && !tensors_[id.value].covered.empty();
  }
  [[nodiscard]] bool all_stats() const { return stats_left_ == 0; }
  /// The sum over all snippets, when it is complete and was not taken yet.
  [[nodiscard]] const GradientTotal& total(ParameterId id) const {
    return tensors_[id.value].total;
  }
  void take_total(ParameterId id);
  [[nodiscard]] bool all_totals() const { return totals_left_ == 0; }
  [[nodiscard]] bool all_taken() const { return taken_left_ == 0; }
  /// Everything that came of a gradient was looked at, number by number. As a rule only its sum is,
  /// by the update, which costs nothing.
  [[nodiscard]] bool looks_at(ParameterId id) const { return tensors_[id.value].looked_at; }
  /// Throws away what came of a gradient whose total was not taken; from now on what comes of it is
  /// looked at.
  void ask_again(ParameterId id);
  /// Totals that were taken so far.
  [[nodiscard]] std::size_t taken() const { return taken_; }
  /// Everything that was asked of these snippets is there, from whomever.
  [[nodiscard]] bool covers(SnippetRange node) const;
  /// The same of one gradient. @pre asks_for(id)
  [[nodiscard]] bool has_gradient(SnippetRange node, ParameterId id) const;
  [[nodiscard]] const std::vector<std::optional<SnippetStats>>& stats() const { return stats_; }
  /// What the next windows of the rows go on from: as `state`. @pre all_stats()
  [[nodiscard]] Tensor state_after() const;
  /// The part of `state` that a subtree needs.
  [[nodiscard]] Blob state_of(SnippetRange node) const;
  /// The lease of that node to that peer, null when there is none; the open one if there are
  /// several: a lease that failed may have been given to the same peer again.
  [[nodiscard]] OpenLease* find_lease(PeerId peer, SnippetRange node);
  /// To be called after each result of a lease that was used: notes when it was the last one.
  void note_answer(OpenLease& lease);
  /// Who is to be credited for each snippet: who first answered in full a lease with it, else who
  /// sent its statistics. Every snippet exactly once. @pre all_stats()
  [[nodiscard]] std::vector<PeerId> workers() const;
  /// Notes that a node is in somebody's hands.
  void lease_out(PeerId peer, SnippetRange node, Instant now, Instant deadline);
  /// Notes that its holder is done with it, or has ended it without.
  void note_done(OpenLease& lease, Instant now);
  void note_ended(OpenLease& lease, Instant now);
  /// Rows that somebody has been handed and not finished.
  [[nodiscard]] double backlog(PeerId peer) const;
  /// Rows that the holder of a lease has to do until it is done with it: it does one after another.
  [[nodiscard]] double rows_until(const OpenLease& lease) const;
  /// How far somebody is with what it holds.
  struct Pace {
    Instant since;    ///< it has been busy
    Instant last;     ///< it was done with a lease, or began
    double rows = 0;  ///< that it has done since it has been busy
  };
  /// @pre it holds something
  [[nodiscard]] const Pace& pace(PeerId peer) const { return paces_.at(peer.value); }

 private:
  struct TensorProgress {
    std::vector<bool> covered;  // by leaf
    bool looked_at = false;
    TreeSum sum{SnippetRange{}};
    GradientTotal total;
  };

  std::map<std::uint32_t, Pace> paces_;  // by peer
  std::vector<std::optional<SnippetStats>> stats_;
  std::vector<TensorProgress>
      tensors_;  // by ParameterId; empty `covered` where no gradient is asked for
  std::size_t stats_left_ = 0;
  std::size_t totals_left_ = 0;
  std::size_t taken_left_ = 0;
  std::size_t taken_ = 0;
  std::uint32_t answers_ = 0;
};

}  // namespace raven
