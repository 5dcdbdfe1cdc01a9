#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "raven/core/buffer_pool.hpp"
#include "raven/data/row_views.hpp"
#include "raven/graph/plan.hpp"
#include "raven/snippet/snippet.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {

/// Where a snippet's rows come from: shards on this machine, or rows that came with the work.
/// Called on compute threads.
/// @return why the rows can't be had; empty when they were written
using RowReader = std::function<std::string(const Snippet& snippet, const RowViews& to)>;

/// Makes a snippet's plan, or has it. Called on compute threads. @throws InputError
using PlanMaker = std::function<std::shared_ptr<const Plan>()>;

/// A subtree of snippets of one step, ready to be computed.
struct SnippetBatch {
  std::uint64_t work = 0;  ///< names the step or evaluation it belongs to
  Purpose purpose = Purpose::train;
  SnippetRange node;
  SnippetRange root;  ///< of the tree that `node` is in
  std::vector<Snippet> snippets;
  std::vector<PlanMaker> plans;    ///< one per snippet
  std::vector<Tensor> parameters;  ///< by ParameterId, of the versions asked for
  RandomKey key;                   ///< seed and step
  /// Numbers of random keys from one sample to the next: more than its rows.
  std::uint64_t keys_per_sample = 1;
  RowReader read_rows;
  /// Gradients asked of each snippet beside those that its plan makes: zeros where it makes none.
  std::vector<ParameterId> gradients = {};
  /// Of a model that carries a state from window to window: what each snippet goes on from.
  std::vector<Tensor> states = {};
};

/// What comes out of a batch, piece by piece, as soon as it is there.
struct SnippetStatsReady {
  std::uint64_t work = 0;
  SnippetRange node;
  SnippetStats stats;
};
struct GradientReady {
  std::uint64_t work = 0;
  SnippetRange node;
  ParameterId parameter;
  Gradient sum;  ///< over the node's snippets, along the tree
};
struct BatchDone {
  std::uint64_t work = 0;
  SnippetRange node;
  std::uint64_t compute_ns = 0;  ///< sum over snippets
  /// To the end of its last snippet, from the beginning of its first or, if that was later, from
  /// the end of the batch before.
  std::uint64_t elapsed_ns = 0;
};
struct BatchFailed {
  std::uint64_t work = 0;
  SnippetRange node;
  std::string reason;
};
using ComputeEvent = std::variant<SnippetStatsReady, GradientReady, BatchDone, BatchFailed>;

/// Computes snippets on the threads of a pool. Keeps nothing between batches but memory to reuse.
/// Threads: start() and drain() from one thread; `on_ready` is called on compute threads.
class Executor {
 public:
  /// @param on_ready called whenever drain() has something new; must be cheap and thread-safe
  Executor(ComputePool& compute, BufferPool& buffers, std::function<void()> on_ready);
  /// Waits for snippets that are being computed; those not begun are given up.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Begins a batch after those begun before, and returns at once.
  void start(SnippetBatch batch);
  /// Computes a batch on the calling thread, snippet by snippet in order: for simulations, which
  /// must come out the same each time. What comes out is there to drain() afterwards.
  void compute(SnippetBatch batch);
  /// Gives up what is not begun of batches of work before `work`; what is running ends unheard.
  void forget_before(std::uint64_t work);
  /// Moves what came out since the last call to the end of `events`. For one batch BatchDone or
  /// BatchFailed comes last.
  void drain(std::vector<ComputeEvent>& events);
  /// Batches begun and not done.
  [[nodiscard]] std::size_t busy() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace raven
