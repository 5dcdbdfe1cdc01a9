#pragma once

#include <memory>
#include <vector>

#include "raven/nn/loss.hpp"
#include "raven/nn/module.hpp"
#include "raven/nn/program.hpp"

namespace raven {

/// The network of a job as data: what to build.
struct ModelSpec {
  std::vector<LayerSpec> layers;
  Choice loss;
  /// In place of layers and loss: a model written in C++.
  const ProgramDef* program = nullptr;
  Place program_place = {};
  std::uint64_t seed = 0;
  /// What the data tells of itself: what a row of its features is, their vocabulary when they are
  /// tokens, and classes or real numbers of a target.
  Ragged ragged = Ragged::no;
  std::int64_t vocabulary = 0;
  std::int64_t classes = 0;
  /// Samples are windows that follow one another in texts: layers may carry their state along.
  bool windows = false;
};

/// The network of a job: modules over a parameter store and the loss, or a program. Recording runs
/// the model once and writes down a graph; nothing is computed, unless a program asks for values.
class Model {
 public:
  /// Declares and initialises all parameters in `store`.
  /// @param features,targets type of a row, without the dimension of rows
  /// @throws InputError when layers, data and loss do not fit together
  Model(const ModelSpec& spec, const ValueType& features, const ValueType& targets,
        ParameterStore& store);

  /// The graph of a batch of that many rows. @pre !by_sample()
  [[nodiscard]] Graph record(const ParameterStore& store, std::int64_t rows, Tape::Mode mode) const;

  /// Numbers of state that a row's window gives to the next one of its text (slot_state, and
  /// Graph::state, are [rows, carried()]); 0: none, each window stands alone.
  [[nodiscard]] std::int64_t carried() const { return carried_; }
  /// Whether each sample has a graph of its own: where a row is not a sample, and for programs.
  [[nodiscard]] bool by_sample() const { return ragged_ != Ragged::no || program_ != nullptr; }
  /// Whether that graph follows from the sizes of a sample's parts alone.
  [[nodiscard]] bool by_size() const { return program_ == nullptr; }
  /// @throws InputError when the sample is not what the model is for
  /// @param used_values set when the graph may depend on the parameters' values
  [[nodiscard]] Graph record_sample(const ParameterStore& store, const SampleData& sample,
                                    Tape::Mode mode, bool* used_values = nullptr) const;
  /// Ops beside raven's that its graphs may have.
  [[nodiscard]] OpRows ops() const { return ops_; }

 private:
  void make_program(const ModelSpec& spec, const ModuleContext& context);

  std::unique_ptr<Module> body_;
  std::unique_ptr<Program> program_;
  OpRows ops_;
  Ragged ragged_;
  std::int64_t carried_ = 0;
  const LossDef* loss_;
  Options loss_options_;
  ValueType features_;
  ValueType targets_;
};

}  // namespace raven
