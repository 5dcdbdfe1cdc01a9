#pragma once

#include <memory>
#include <span>

#include "raven/core/function_ref.hpp"
#include "raven/graph/graph.hpp"
#include "raven/graph/row_sink.hpp"

namespace raven {

/// What one run of a plan is given. Spans are indexed by slot or by ParameterId and may be longer
/// than needed.
struct Bindings {
  std::span<const ConstView> inputs;
  std::span<const ConstView> parameters;
  /// Gradients of trainable parameters; each is assigned first, so it need not be cleared. Unused
  /// when only running forward. A parameter that the loss does not reach is left alone: see
  /// Plan::gradients().
  std::span<const View> gradients;
  /// Where given and not null, in place of `gradients`: of parameters of Plan::tables_by_rows()
  /// only. Begun by whoever binds it, for the parameter's table.
  std::span<RowSink* const> gradient_rows = {};
  RandomKey key;  ///< op is filled in per call
};

/// The memory of one run: activations, saved values, gradients of activations. Made once for a
/// plan, reused for ever.
class Workspace {
 public:
  explicit Workspace(std::size_t bytes);
  [[nodiscard]] std::byte* data() const { return memory_.get(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<std::byte> memory_;
  std::size_t bytes_;
};

/// A graph made ready to run: which calls run backward, where in the workspace each value lives and
/// how long. Made once per graph digest. Running it allocates nothing. Threads: immutable, any
/// number of runs at once, each with a workspace of its own.
class Plan {
 public:
  enum class Purpose : std::uint8_t { training, inference };

  /// @throws InputError when the graph breaks the rules of check()
  Plan(Graph graph, Purpose purpose);
  ~Plan();
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;

  [[nodiscard]] const Graph& graph() const;
  /// Bytes of workspace a run needs.
  [[nodiscard]] std::size_t workspace_bytes() const;
  /// Bytes of all activations, saved values and gradients of activations, as if each had memory of
  /// its own.
  [[nodiscard]] std::size_t unplanned_bytes() const;
  /// Parameters that the graph reads, in the order in which forward first needs them.
  [[nodiscard]] std::span<const ParameterId> parameters() const;
  /// Parameters whose gradient backward makes, in the order of the calls that complete them.
  [[nodiscard]] std::span<const ParameterId> gradients() const;
  /// Those of them that may be bound to a RowSink: see tables_by_rows(const Graph&). Sorted.
  [[nodiscard]] std::span<const ParameterId> tables_by_rows() const;
  /// Multiply-add work of one forward and backward run in FLOP, from the shapes (GEMM-like ops
  /// only).
  [[nodiscard]] double flops() const;

  /// @throws InputError when a bound tensor is missing or of another type than the graph says, or
  /// an index in the data is out of range.
  void forward(Workspace& workspace, const Bindings& bindings) const;
  /// Gradient of sum(losses). Calls `final` for each parameter as soon as its gradient is complete,
  /// on the calling thread.
  /// @pre forward ran on the same workspace and bindings
  void backward(Workspace& workspace, const Bindings& bindings,
                FunctionRef<void(ParameterId)> final) const;

  /// A value that is asked of the graph (losses, weights, a metric, a statistic, the prediction),
  /// after forward.
  [[nodiscard]] ConstView value(const Workspace& workspace, const Bindings& bindings,
                                ValueRef value) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace raven
