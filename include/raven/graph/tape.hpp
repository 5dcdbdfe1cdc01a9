#pragma once

#include <span>
#include <string>
#include <vector>

#include "raven/graph/graph.hpp"
#include "raven/graph/parameter_store.hpp"

namespace raven {

class Tape;

/// A value being recorded: a handle into a tape. Copying copies the handle.
class Variable {
 public:
  Variable() = default;

  [[nodiscard]] const ValueType& type() const;
  [[nodiscard]] const Shape& shape() const { return type().shape; }
  [[nodiscard]] ValueRef ref() const { return ref_; }
  [[nodiscard]] Tape& tape() const { return *tape_; }
  [[nodiscard]] bool empty() const { return tape_ == nullptr; }

  /// What it is, computed here and now: just what it depends on and was not computed before. For
  /// models whose structure follows from values. Dropout is drawn as for sample 0.
  /// @pre the tape was bound @throws InputError when an index in the data is out of range
  [[nodiscard]] const Tensor& value() const;

 private:
  friend class Tape;
  Variable(Tape* tape, ValueRef ref) : tape_(tape), ref_(ref) {}
  Tape* tape_ = nullptr;
  ValueRef ref_;
};

/// The record of calls made by running a model once: shapes only, no arithmetic. Topological by
/// construction. Owned by one thread, made anew whenever the model is run (define-by-run).
class Tape {
 public:
  enum class Mode : std::uint8_t { training, inference };

  /// @param samples how many of them the graph is for, where rows are not samples (ragged data)
  explicit Tape(Mode mode = Mode::training, std::int64_t samples = 1)
      : mode_(mode), samples_(samples) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Layers that behave differently in training (dropout, batch_norm) ask this.
  [[nodiscard]] bool training() const { return mode_ == Mode::training; }
  /// Layers on ragged data ask this for the length of slot_lengths.
  [[nodiscard]] std::int64_t samples() const { return samples_; }

  /// The same slot asked for twice is one node. @throws InputError when the types differ
  [[nodiscard]] Variable input(std::uint32_t slot, const ValueType& type);
  /// An input that was asked for before, whatever its type. @throws InputError when it was not
  [[nodiscard]] Variable input(std::uint32_t slot);
  /// The same parameter asked for twice is one node, so that its gradients are added up.
  [[nodiscard]] Variable parameter(const ParameterStore& store, ParameterId id);
  /// @throws InputError from the op's infer
  [[nodiscard]] Variable call(const OpDef& op, std::span<const Variable> inputs,
                              Attributes attributes = {});
  /// A further output of the call that made `first`.
  [[nodiscard]] Variable output(Variable first, std::uint16_t index);

  // The rest says what is asked of the graph. @throws InputError when the value is not of f32, or
  // the losses and weights are not both [rows].

  /// Gives the tape what variables are computed from: parameters, and data by InputSlot. They must
  /// outlive it.
  void bind(const ParameterStore& store, std::span<const ConstView> inputs);
  /// The same parameter of the store that the tape was bound to.
  [[nodiscard]] Variable parameter(ParameterId id);
  /// That store; null when the tape was not bound.
  [[nodiscard]] const ParameterStore* store() const { return store_; }
  /// Whether it records one sample, as a model by sample does.
  [[nodiscard]] bool of_one_sample() const { return store_ != nullptr; }
  /// Whether value() was asked for, so that the record may depend on the parameters' values.
  [[nodiscard]] bool used_values() const { return used_values_; }

  /// Names the loss of each row and its weight.
  void set_loss(Variable losses, Variable weights);
  void set_prediction(Variable value);
  /// Names what becomes slot_state of the windows after these; f32 [rows, numbers].
  void set_state(Variable value);
  /// Keeps a part of that for whoever records the whole: [rows, any]. Parts stand side by side in
  /// the order in which they were added.
  void add_state_part(Variable part);
  [[nodiscard]] std::span<const Variable> state_parts() const { return state_parts_; }
  /// Numbers of the parts so far: where in slot_state the next one begins.
  [[nodiscard]] std::int64_t state_size() const { return state_size_; }
  void add_metric(std::string name, Variable value);
  void add_statistic(ParameterId into, Variable value, double momentum);

  [[nodiscard]] const Graph& graph() const { return graph_; }
  /// @post the tape is spent
  [[nodiscard]] Graph take() { return std::move(graph_); }

 private:
  friend class Variable;
  static constexpr std::uint32_t no_node = ~std::uint32_t{0};
  Variable outside(Node::Kind kind, std::uint32_t slot, bool trainable, const ValueType& type);
  const Tensor& evaluate(ValueRef value);

  Mode mode_;
  std::int64_t samples_;
  Graph graph_;
  std::vector<std::uint32_t> input_nodes_;      // by slot: number of its node + 1, 0 for none
  std::vector<std::uint32_t> parameter_nodes_;  // by ParameterId, the same
  std::vector<Variable> state_parts_;
  std::int64_t state_size_ = 0;
  const ParameterStore* store_ = nullptr;
  std::span<const ConstView> inputs_;
  std::vector<std::vector<Tensor>> values_;  // by node, empty where not computed
  bool used_values_ = false;
};

}  // namespace raven
