#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "raven/cluster/checkpoint.hpp"
#include "raven/cluster/credits.hpp"
#include "raven/cluster/history.hpp"
#include "raven/cluster/model_state.hpp"
#include "raven/cluster/protocol.hpp"
#include "raven/cluster/roster.hpp"
#include "raven/cluster/train_spec.hpp"
#include "raven/graph/tape.hpp"
#include "raven/snippet/assembly.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {

/// One line of events.jsonl: docs/formats/run.md lists the kinds and their fields.
struct RunEvent {
  using Field = std::variant<std::int64_t, double, std::string>;
  std::string kind;
  std::vector<std::pair<std::string, Field>> fields;
};

/// What the master wants done. Filled by its calls, emptied by the loop that drives it.
struct MasterActions {
  std::vector<std::pair<PeerId, Message>> sends;
  std::vector<PeerId> drops;
  std::vector<RunEvent> events;
  std::vector<EpochResult> epochs;  ///< finished ones, for history.jsonl; before the checkpoint
  std::optional<Checkpoint> checkpoint;  ///< to be written; the newest wins
};

/// What a master is made of. Functions are pure or read only what never changes; `record_sample`
/// keeps what it recorded and is called by the master's thread only.
struct MasterSetup {
  TrainSpec train;
  ContributorSpec contributors;
  /// Runs the model once for a batch of that many rows.
  std::function<Graph(std::int64_t rows, Tape::Mode mode)> record;
  /// For models that record a graph for each sample, used in place of `record`: runs the model for
  /// one, or finds what it recorded before.
  std::function<Recording(std::uint32_t dataset, std::int64_t sample, Tape::Mode mode,
                          const ParameterStore& now)>
      record_sample = {};
  Autobatch autobatch = Autobatch::on;
  /// Of a training sample, for `train.group_by_length`. @throws InputError when it can't be read
  std::function<std::int64_t(std::int64_t sample)> length = {};
  /// Whether the next step is recorded while others compute this one, until a sample's graph turns
  /// out to follow from the parameters' values. It changes no bits.
  bool records_ahead = true;
  /// What a contributor is sent of samples' graphs before it is told to forget them: graphs, and
  /// their bytes, which it takes some ten times as many to keep.
  std::size_t most_sample_graphs = 16384;
  std::size_t most_sample_graph_bytes = std::size_t{256} << 20;
  std::vector<DatasetOffer> datasets;  ///< train, then valid if there is one
  /// Raw rows of a data set, for contributors that can't open its shards.
  std::function<Blob(std::uint32_t dataset, std::span<const std::int64_t> samples)> raw_rows;
  /// Numbers of state that the model carries from a window to the next one of its text; 0: none.
  /// Else batches are streams (SampleOrder), and evaluations, too, go along them step by step.
  std::int64_t carried = 0;
  /// Whether nothing of its text stands before that window, so that it goes on from zeros. There
  /// where something is carried.
  std::function<bool(std::uint32_t dataset, std::int64_t sample)> begins_text = {};
  NumericsClass numerics;  ///< of this process, for `numerics: strict`
  /// Of this process, to compare with checkpoints of formats 2 and 3; see earlier_fingerprint().
  Digest earlier_fingerprint = {};
  std::string node = {};  ///< of this process, as a Hello has them
  std::uint64_t pid = 0;
  Digest training_digest;
  std::uint64_t cache_bytes = 0;
  /// Whether contributors may come that are not here yet; if not, losing the last one is the end.
  bool others_may_come = true;
  Digest session = {};  ///< another one for each life of a master; see Welcome::session
  std::chrono::milliseconds checkpoint_every{30000};
  /// Of training before this process, if that is more than the checkpoint knows: what was lost with
  /// a master that was killed took its time, too.
  double seconds_before = 0;
};

/// How the arithmetic of this process differs from that which made a checkpoint; none: not at all.
[[nodiscard]] std::optional<NumericsGap> numerics_gap(const MasterSetup& setup,
                                                      const Checkpoint& checkpoint);

struct MasterProgress {
  std::uint64_t step = 0;
  std::uint64_t steps = 0;
  std::int64_t epoch = 1;
  double loss = 0;         ///< mean of the epoch so far; before its first step, of the one before
  std::uint64_t rows = 0;  ///< samples trained on by this process
  int contributors = 0;
  bool evaluating = false;
  bool waiting = false;  ///< for contributors, or held: no step is under way
};

/// The master as a state machine without I/O: it takes an event and the time and says what to do.
/// It opens no socket, reads no clock and starts no thread; it computes sums and optimizer updates
/// where it stands, on the threads of its pool.
class Master {
 public:
  /// @param resume continues from there  @throws InputError when it is of another job or model
  Master(MasterSetup setup, ParameterStore parameters, ComputePool& compute, BufferPool& buffers,
         const Checkpoint* resume, Instant now);
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  /// @throws InputError when training can't go on (the loss is no number any more)
  void on(const Event& event, Instant now, MasterActions& actions);
  /// To be called at least every 100 ms: heartbeats, lost peers, deadlines.
  void tick(Instant now, MasterActions& actions);
  /// Records the graphs of the next step. To be called when there is nothing else to do.
  void look_ahead();
  /// Ends the run after the step under way, with a checkpoint.
  void request_stop();
  /// While held no step begins. When the one under way has ended there is a checkpoint of it.
  void hold(bool held);
  /// Lets a contributor go as if it had asked for it: it is given nothing new, hands in what it
  /// holds, and is told to go. Nobody of that name: nothing happens.
  void request_leave(PeerId peer);

  /// Bytes of the largest body that an honest contributor sends.
  [[nodiscard]] std::size_t largest_answer() const;
  /// It was resumed from a checkpoint after which nothing is left to do: it then tells of nothing
  /// and makes no checkpoint, so that repeating a command changes nothing.
  [[nodiscard]] bool was_complete() const;
  /// All done, or stopped: contributors have been told to go.
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool stopped_early() const;
  [[nodiscard]] const ParameterStore& parameters() const;
  [[nodiscard]] const Roster& roster() const;
  [[nodiscard]] MasterProgress progress() const;
  [[nodiscard]] const History& history() const;
  /// Everybody who took part, also in earlier lives of the master.
  [[nodiscard]] std::vector<Credit> credits() const;
  /// Of training, over all lives of the master, as its events tell it.
  [[nodiscard]] double seconds(Instant now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace raven
