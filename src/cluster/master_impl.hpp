#pragma once

#include <map>
#include <unordered_map>

#include "cluster/phase.hpp"
#include "raven/cluster/flakiness.hpp"
#include "raven/cluster/master.hpp"
#include "raven/cluster/scheduler.hpp"
#include "raven/core/error.hpp"
#include "raven/data/length_groups.hpp"
#include "raven/data/sampler.hpp"

namespace raven {

struct Master::Impl {
  Impl(MasterSetup setup_in, ParameterStore parameters, ComputePool& compute_in,
       BufferPool& buffers_in, Instant now);

  // master_resume.cpp
  void resume(const Checkpoint& checkpoint);
  [[nodiscard]] Checkpoint snapshot(Instant now) const;
  /// Of training, over all lives of the master.
  [[nodiscard]] double seconds(Instant now) const {
    return std::chrono::duration<double>(now - started).count() + seconds_before;
  }

  // master.cpp: peers
  void on_message(const Event& event, Instant now);
  void on_hello(PeerId peer, std::uint32_t gateway, const Hello& hello, Instant now);
  void on_ready(Member& member, const Ready& ready, Instant now);
  void on_leave(Member& member, const Leave& leave, Instant now);
  /// Says goodbye to one who is leaving, once it holds no work any more.
  void let_go_if_done(Member& member, Instant now);
  void tick(Instant now);
  /// Gives a contributor up and hands its work to others.
  void lose(Member& member, const std::string& reason, Instant now);
  /// Gives up a peer that sent what no honest peer sends.
  void distrust(PeerId peer, const std::string& reason, Instant now);
  [[nodiscard]] bool holds_work(const Member& member) const;
  void note_whether_anybody_works(Instant now);
  void send(PeerId peer, const AnyMessage& message, Blob body = {});
  void emit(std::string kind, std::vector<std::pair<std::string, RunEvent::Field>> fields,
            Instant now);

  // master_answers.cpp: results
  void on_stats(Member& member, const StatsMessage& message, const Blob& body, Instant now);
  void on_gradient(Member& member, const GradientMessage& message, const Blob& body, Instant now);
  void on_gateway(std::uint32_t gateway, const Message& message, Instant now);
  /// Whether the sum could be used.
  [[nodiscard]] bool use_sum(std::uint32_t gateway, const SumMessage& message, const Blob& body);
  void on_done(Member& member, const DoneMessage& message, Instant now);
  void on_failed(Member& member, const FailedMessage& message, Instant now);
  /// What of a snippet's results is no finite number: "the metric accuracy"; empty when all is.
  [[nodiscard]] std::string no_number_in(const SnippetStats& stats) const;
  /// Takes work back of which something is no finite number and asks another. One contributor
  /// alone can't end a run; when a second one finds the same, training has gone astray.
  /// @param where the snippets that it was found in   @param known whether another had found a
  /// number there: then it is a lie  @throws InputError when there is nobody else to ask
  void doubt(Member& member, OpenLease& lease, SnippetRange where, const std::string& what,
             bool known, Instant now);
  [[nodiscard]] InputError went_astray() const;
  /// @param what with its verb: "the loss is", "the values of ... are"
  [[nodiscard]] static InputError not_finite(const std::string& what, std::uint64_t at);
  /// misfit: of no parameter that is asked for, or of another size.
  enum class Use : std::uint8_t { used, misfit, no_number };
  /// Adds a gradient that came, along the tree. Its numbers are looked at as it is used, or at once
  /// when their sum was found not to be finite.
  [[nodiscard]] Use use_gradient(SnippetRange node, ParameterId id, Gradient::Form form,
                                 const Blob& body);
  /// Notes what a result means for its lease and for its sender's time.
  void note_answer(Member& member, OpenLease& lease, Instant now);
  /// Notes how long a lease of so many rows took.
  void note_time(Member& member, const OpenLease& lease, std::int64_t rows,
                 const DoneMessage& message, Instant now);
  /// Learns a contributor's speed from what it has done of a step.
  void learn_speed(Member& member);
  void on_late_done(Member& member, const DoneMessage& message, Instant now);

  // master_help.cpp
  /// Until its holder is done with it, expected from its speed and from what it has done meanwhile.
  [[nodiscard]] double seconds_left(const OpenLease& lease, Instant now);
  [[nodiscard]] bool is_late(const OpenLease& lease, Instant now);
  /// Gives what is late, or could be done earlier by those that have nothing to do, to them as
  /// well.
  void help_slow_ones(Instant now);
  /// The same of one lease. @return whether it was given to anybody
  [[nodiscard]] bool help(std::size_t index, std::span<const Worker> idle, Instant now);

  // master_graphs.cpp
  const RecordedGraph& recorded(std::int64_t rows, Tape::Mode mode);
  /// The graphs of a snippet's samples, each once.
  struct RecordedAssembly {
    Blob bytes;
    std::vector<std::shared_ptr<const RecordedSample>> graphs;
  };
  /// A step's snippets with their graphs.
  struct Assembled {
    std::uint64_t step = 0;
    std::vector<std::int64_t> samples;  ///< by position
    std::vector<Snippet> pieces;
    RecordedGraph graph;  ///< what all of them have in common
    std::unordered_map<Digest, RecordedAssembly, DigestHash> assemblies;
    bool used_values = false;
  };
  [[nodiscard]] Assembled assemble(Purpose purpose, std::uint64_t of_step,
                                   std::vector<Snippet> pieces);
  /// Samples of a step as leases name it, or the first so many of an evaluation, by position.
  [[nodiscard]] std::vector<std::int64_t> samples_of(Purpose purpose, std::uint64_t of_step,
                                                     std::int64_t rows);
  /// Records the next step while others compute this one.
  void look_ahead();
  /// Gives the phase its snippets and their graphs.
  void begin_phase(std::vector<Snippet> pieces);
  void send_graphs(Member& member, const Snippet& snippet);

  // master_streams.cpp: a state that goes on from window to window
  [[nodiscard]] bool carries() const { return setup.carried > 0; }
  /// What the rows of the phase to begin go on from: what the step before left, zeros where a text
  /// or an epoch begins. Empty when nothing is carried.
  [[nodiscard]] Tensor state_to_begin_with() const;
  /// Keeps what the phase, which is complete, leaves for the next one.
  void keep_state();
  /// @throws InputError unless it is what a run that is there has left
  void resume_state(const Checkpoint& checkpoint);
  /// The steps of an evaluation; one, of all there is, when nothing is carried.
  [[nodiscard]] std::int64_t evaluation_steps() const;
  [[nodiscard]] std::vector<Snippet> evaluation_pieces() const;

  // master_steps.cpp: work
  void begin_next(Instant now);
  void begin_step(Instant now);
  void begin_evaluation(Instant now);
  void hand_out(Instant now);
  /// It has found a loss in that node that is no number.
  [[nodiscard]] bool doubts(PeerId peer, SnippetRange node) const;
  /// All who are here have found a loss in it that is no number.
  [[nodiscard]] bool nobody_else_can_tell(SnippetRange node) const;
  void send_lease(Member& member, SnippetRange node, Instant now);
  /// Has gateways send what they keep, since a part of it comes another way now.
  void have_sums_sent();
  void send_parameter(Member& member, ParameterId id, const Tensor& value, std::uint64_t version);
  /// A handle to the whole tensor costs nothing there, rows of it would be copied.
  [[nodiscard]] bool in_this_process(const Member& member) const {
    return member.hello.pid == setup.pid && member.hello.node == setup.node;
  }
  /// Those who can be given work and hold no part of a subtree yet.
  [[nodiscard]] std::vector<Worker> workers(SnippetRange not_holding) const;
  /// Of one gradient of a subtree, as the last ones were; none in an evaluation.
  [[nodiscard]] double gradient_bytes() const;
  /// Uses whatever has become complete: updates tensors, ends the step or the evaluation.
  void progress(Instant now);
  /// @return whether it was: else its gradient has been asked for again
  [[nodiscard]] bool update_tensor(ParameterId id, float scale, double rate);
  [[nodiscard]] std::optional<float> gradient_scale();
  /// Has a gradient computed once more whose sum is not finite, so that it shows whose part is not.
  /// @throws InputError when all parts were finite
  void ask_again(ParameterId id);
  void end_step(Instant now);
  void close_phase(Instant now);
  /// Whoever was given nothing because it was slow once gets another chance by and by.
  void encourage_idle_ones();
  void end_evaluation(Instant now);
  void end_epoch(std::optional<PassResult> valid, Instant now);
  void end_run(Instant now, bool early);
  /// Counts what each has done in the phase, every snippet once.
  void credit();
  /// Tells everybody to go.
  void say_goodbye(const std::string& reason);
  /// Ends a run that nobody is left to finish the step of.
  void stop_alone(Instant now);
  void checkpoint(Instant now);
  [[nodiscard]] PassResult pass_result(const EpochSums& sums) const;
  /// Results that have to be told by now: of each epoch, and at the end of the run of the part of
  /// an epoch that it ends in, so that the last validation is always of the final weights.
  [[nodiscard]] std::int64_t results_due() const;
  [[nodiscard]] bool result_is_due() const { return history.epochs() < results_due(); }
  [[nodiscard]] bool is_last_step() const { return step + 1 >= steps; }
  [[nodiscard]] bool has_valid() const { return setup.datasets.size() > 1; }

  MasterSetup setup;
  ComputePool& compute;
  BufferPool& buffers;
  ModelState model;
  Roster roster;
  Flakiness flakiness{setup.contributors.bar_after};
  Sampler sampler;
  Sampler valid_sampler;                      ///< where something is carried
  std::optional<LengthGroups> length_groups;  ///< in place of its batches
  const ScheduleDef* schedule;
  std::uint64_t steps = 0;  ///< in the whole run
  std::uint64_t step = 0;   ///< done
  EpochSums sums;
  History history;
  std::vector<EpochResult> untold_epochs;  ///< of an older checkpoint
  std::vector<Credit> earlier_credits;     ///< of what the checkpoint holds
  bool resumed_complete = false;
  bool held = false;
  bool held_said = false;  ///< there is a checkpoint of where it is held

  std::optional<Phase> phase;
  std::vector<std::size_t> gradient_sizes;  ///< of the last one that came, by ParameterId
  std::uint64_t next_work = 1;
  /// Leases of the last phase whose DoneMessage had not come when their last result ended it, with
  /// their rows.
  std::vector<std::pair<OpenLease, std::int64_t>> last_leases;
  std::uint64_t last_leases_work = 0;
  EpochSums evaluation;
  std::int64_t evaluation_step = 0;  ///< of the one that is due or under way
  Tensor carried;                    ///< left by the last step of training
  Tensor evaluation_carried;         ///< left by the last step of an evaluation
  std::map<std::pair<std::int64_t, bool>, const RecordedGraph*> graph_of_rows;
  std::unordered_map<Digest, std::unique_ptr<RecordedGraph>, DigestHash> graphs;
  Assembled now_assembled;  ///< of the phase
  std::optional<Assembled> ahead;
  std::uint64_t looked_ahead_to = 0;  ///< the last step that it was tried for
  bool graphs_follow_values = false;  ///< of some sample, so that looking ahead is no use

  Instant started;
  double seconds_before = 0;
  Instant last_checkpoint;
  Instant last_heartbeat;
  Instant last_tick;
  Instant last_step_event{};
  Instant::duration longest_idle{};  ///< of anybody since then
  std::uint64_t rows_trained = 0;
  std::optional<Instant> waiting_since;
  bool waiting_said = false;
  bool stop_requested = false;
  std::vector<PeerId> leave_requested;
  std::vector<std::pair<PeerId, Instant>> refused;  ///< and when: to be cut off
  std::string last_failure;                         ///< what a contributor said of itself
  bool finished = false;
  bool stopped_early = false;

  MasterActions* out = nullptr;  ///< valid during a call from outside
};

}  // namespace raven
