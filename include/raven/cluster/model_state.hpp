#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "raven/cluster/checkpoint.hpp"
#include "raven/cluster/train_spec.hpp"
#include "raven/core/buffer_pool.hpp"
#include "raven/graph/parameter_store.hpp"
#include "raven/optim/optimizer.hpp"
#include "raven/snippet/tree.hpp"

namespace raven {

/// The one model: parameters and what the optimizer keeps for each. Only the master has one, and
/// only it changes it. Values are replaced, never overwritten while anybody else holds a handle, so
/// messages and checkpoints take no copies.
class ModelState {
 public:
  /// @param store the freshly initialised parameters of the job's model
  ModelState(const TrainSpec& train, ParameterStore store, BufferPool& buffers);
  ~ModelState();
  ModelState(const ModelState&) = delete;
  ModelState& operator=(const ModelState&) = delete;

  [[nodiscard]] const ParameterStore& parameters() const { return store_; }

  /// One optimizer step for one tensor. Tensors are independent: any order gives the same bits.
  /// @param scale what each gradient element is multiplied by: 1 / weight of the batch, times
  /// clipping
  /// @param step counts from 1   @param rate from the schedule
  enum class Updated : std::uint8_t {
    whole,
    /// The gradient is infinite or no number somewhere: nothing there was changed, and the tensor
    /// counts as not updated yet. The same update is to be called once more with another gradient;
    /// where this one was finite it has been used.
    gradient_not_finite,
    not_finite  ///< the tensor or its optimizer state; flaw_of() tells which
  };
  [[nodiscard]] Updated update(ParameterId id, const GradientTotal& gradient, float scale,
                               std::int64_t step, double rate);

  /// What of a parameter is another one in a version than in the version before.
  struct Change {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    RowGradient rows;  ///< the rows' new values
  };
  /// Between the present version and the one before, when that is some rows of a table; else null.
  /// Valid until the next change.
  [[nodiscard]] const Change* last_change(ParameterId id);

  /// Some update is to be gone on with: weights and state do not stand at one step.
  [[nodiscard]] bool between_steps() const;

  /// running = (1 - momentum) * running + momentum * value, as of `version`.
  /// @return whether it is still finite
  [[nodiscard]] bool merge_statistic(ParameterId id, const Tensor& value, double momentum,
                                     std::uint64_t version);

  /// What of a tensor is infinite or no number, in words; empty when all of it is finite.
  [[nodiscard]] std::string flaw_of(ParameterId id) const;
  /// The same of the first one that has a flaw.
  [[nodiscard]] std::string flaw() const;

  void set_version(std::uint64_t version) { store_.set_version(version); }

  /// Handles to everything, for a checkpoint; nothing is copied.
  [[nodiscard]] std::vector<CheckpointTensor> tensors() const;
  /// @throws InputError when the tensors are not those of this model
  void restore(const Checkpoint& checkpoint);

 private:
  struct OptimizerState {
    std::vector<Tensor> tensors;
    std::vector<std::uint8_t> done;  ///< blocks of the update under way
    Tensor unfinished;               ///< what it has made so far, when it is to be gone on with
  };
  struct Table;

  [[nodiscard]] Updated update_rows(ParameterId id, const RowGradient& gradient, UpdateCall call);

  Choice optimizer_choice_;
  const OptimizerDef* optimizer_;
  Clip clip_;
  ParameterStore store_;
  std::vector<OptimizerState> states_;
  std::map<std::uint32_t, Table> tables_;  ///< of which rows are updated, by ParameterId
  BufferPool& buffers_;
};

}  // namespace raven
