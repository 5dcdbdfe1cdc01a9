#include "raven/cluster/model_state.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cluster/table_versions.hpp"
#include "raven/core/error.hpp"
#include "raven/tensor/finite.hpp"
#include "raven/tensor/kernels/elementwise.hpp"

namespace raven {

/// A table of which rows were updated last.
struct ModelState::Table {
  LastVersion last;
  Change change;        ///< rows are filled in when they are asked for
  RowGradient touched;  ///< in its last update
};

namespace {

std::size_t blocks_of(const Tensor& tensor) {
  return static_cast<std::size_t>((tensor.count() + kernels::update_block - 1) /
                                  kernels::update_block);
}

}  // namespace

ModelState::~ModelState() = default;

ModelState::ModelState(const TrainSpec& train, ParameterStore store, BufferPool& buffers)
    : optimizer_choice_(train.optimizer),
      optimizer_(find_optimizer(train.optimizer.type)),
      clip_(train.clip),
      store_(std::move(store)),
      buffers_(buffers) {
  expects(optimizer_ != nullptr, "a job's optimizer is in the table");
  const auto count = static_cast<std::size_t>(optimizer_->state_count(optimizer_choice_.options));
  for (const Parameter& parameter : store_.all()) {
    OptimizerState& state = states_.emplace_back();
    if (!parameter.trainable) continue;
    for (std::size_t i = 0; i < count; ++i) state.tensors.emplace_back(parameter.value.type());
  }
}

ModelState::Updated ModelState::update(ParameterId id, const GradientTotal& gradient, float scale,
                                       std::int64_t step, double rate) {
  const bool decays = store_[id].decays;
  UpdateCall call{.step = step,
                  .rate = rate,
                  .gradient_scale = scale,
                  .decays = decays,
                  .before = {},
                  .after = {},
                  .gradient = {},
                  .state = {}};
  if (clip_.value > 0) call.clip_value = static_cast<float>(clip_.value);
  const bool by_rows = gradient.sum.form() == Gradient::Form::rows;
  if (by_rows && optimizer_->leaves_zeros != nullptr &&
      optimizer_->leaves_zeros(optimizer_choice_.options, decays)) {
    return update_rows(id, gradient.sum.rows(), call);
  }
  tables_.erase(id.value);
  const Tensor sum = expand(gradient.sum, store_[id].value.type(), buffers_);
  const std::uint64_t version_before = store_[id].version;
  Tensor before = store_.take(id);
  OptimizerState& state = states_[id.value];
  Tensor after = std::exchange(state.unfinished, {});
  if (after.empty()) {
    // Whoever still holds the old version (a message on its way, a checkpoint being written) keeps
    // it.
    after = before.unique() ? before : Tensor(before.type(), buffers_);
    state.done.assign(blocks_of(before), 0);
  }
  call.before = std::as_const(before).values();
  call.after = after.values();
  call.gradient = sum.values();
  if (!gradient.also.empty()) call.gradient_also = gradient.also.values();
  call.done = state.done;
  for (std::size_t i = 0; i < state.tensors.size(); ++i) {
    if (!state.tensors[i].unique()) state.tensors[i] = state.tensors[i].clone();
    call.state[i] = state.tensors[i].values();
  }
  const kernels::UpdateFindings found = optimizer_->update(optimizer_choice_.options, call);
  if (!found.gradient_finite) {
    state.unfinished = std::move(after);
    store_.replace(id, std::move(before), version_before);
    return Updated::gradient_not_finite;
  }
  store_.replace(id, std::move(after), static_cast<std::uint64_t>(step));
  return found.finite ? Updated::whole : Updated::not_finite;
}

ModelState::Updated ModelState::update_rows(ParameterId id, const RowGradient& gradient,
                                            UpdateCall call) {
  if (!is_finite(gradient)) return Updated::gradient_not_finite;
  Table& table = tables_[id.value];
  const auto version = static_cast<std::uint64_t>(call.step);
  table.change = {.from = store_[id].version, .to = version, .rows = {}};
  table.touched = gradient;
  Tensor before = store_.take(id);
  if (gradient.count() == 0) {
    store_.replace(id, std::move(before), version);
    return Updated::whole;
  }
  Tensor after = table.last.to_change(before, buffers_);
  call.before = std::as_const(before).values();
  call.after = after.values();
  call.gradient = gradient.values();
  call.rows = gradient.numbers();
  const bool finite = optimizer_->update(optimizer_choice_.options, call).finite;
  table.last.changed(std::move(before), after, gradient);
  store_.replace(id, std::move(after), version);
  return finite ? Updated::whole : Updated::not_finite;
}

const ModelState::Change* ModelState::last_change(ParameterId id) {
  const auto found = tables_.find(id.value);
  if (found == tables_.end()) return nullptr;
  Table& table = found->second;
  if (table.change.rows.empty()) {
    const RowGradient& touched = table.touched;
    const auto width = static_cast<std::size_t>(touched.width());
    RowGradient rows(touched.count(), touched.width(), buffers_);
    std::ranges::copy(touched.numbers(), rows.numbers().begin());
    float* to = rows.values().data();
    for (const std::uint32_t row : touched.numbers()) {
      std::memcpy(to, &store_[id].value.values()[row * width], width * sizeof(float));
      to += width;
    }
    table.change.rows = std::move(rows);
  }
  return &table.change;
}

bool ModelState::merge_statistic(ParameterId id, const Tensor& value, double momentum,
                                 std::uint64_t version) {
  const Tensor before = store_.take(id);
  Tensor after(before.type(), buffers_);
  const auto keep = static_cast<float>(1.0 - momentum);
  const auto take = static_cast<float>(momentum);
  const std::span<float> out = after.values();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = keep * before.values()[i] + take * value.values()[i];
  }
  const bool finite = is_finite(after);
  store_.replace(id, std::move(after), version);
  return finite;
}

bool ModelState::between_steps() const {
  return std::ranges::any_of(states_,
                             [](const OptimizerState& state) { return !state.unfinished.empty(); });
}

std::string ModelState::flaw_of(ParameterId id) const {
  const Parameter& parameter = store_[id];
  const std::string name = "\"" + parameter.name + "\"";
  if (!is_finite(parameter.value)) return "the values of " + name + " are";
  for (const Tensor& state : states_[id.value].tensors) {
    if (!is_finite(state)) return "the optimizer's state of " + name + " is";
  }
  return {};
}

std::string ModelState::flaw() const {
  for (std::uint32_t id = 0; id < store_.size(); ++id) {
    if (std::string found = flaw_of({id}); !found.empty()) return found;
  }
  return {};
}

std::vector<CheckpointTensor> ModelState::tensors() const {
  std::vector<CheckpointTensor> tensors;
  for (std::size_t i = 0; i < store_.size(); ++i) {
    const Parameter& parameter = store_.all()[i];
    tensors.push_back({parameter.name, parameter.value, parameter.version, states_[i].tensors});
  }
  return tensors;
}

void ModelState::restore(const Checkpoint& checkpoint) {
  const auto mismatch = [](const std::string& what) {
    return InputError("the checkpoint is not of this model: " + what,
                      "use the job it was made with, or start anew with --fresh");
  };
  if (checkpoint.tensors.size() != store_.size()) {
    throw mismatch("it has " + std::to_string(checkpoint.tensors.size()) + " tensors, the model " +
                   std::to_string(store_.size()));
  }
  for (std::size_t i = 0; i < store_.size(); ++i) {
    const Parameter& parameter = store_.all()[i];
    const CheckpointTensor& saved = checkpoint.tensors[i];
    if (saved.name != parameter.name || saved.value.type() != parameter.value.type()) {
      throw mismatch("it has \"" + saved.name + "\" " + to_string(saved.value.shape()) +
                     " where the model has \"" + parameter.name + "\" " +
                     to_string(parameter.value.shape()));
    }
    if (!is_finite(saved.value) ||
        !std::ranges::all_of(saved.state, [](const Tensor& state) { return is_finite(state); })) {
      throw InputError("\"" + saved.name + "\" of the checkpoint of step " +
                           std::to_string(checkpoint.step) +
                           " holds numbers that are infinite or none",
                       "delete that checkpoint to go on from the one before, or start anew with "
                       "--fresh");
    }
    if (saved.state.size() != states_[i].tensors.size()) {
      throw mismatch("\"" + saved.name + "\" has optimizer state of " +
                     std::to_string(saved.state.size()) + " tensors, not " +
                     std::to_string(states_[i].tensors.size()));
    }
    for (const Tensor& state : saved.state) {
      if (state.type() != parameter.value.type())
        throw mismatch("optimizer state of another shape");
    }
  }
  tables_.clear();
  for (std::size_t i = 0; i < store_.size(); ++i) {
    const CheckpointTensor& saved = checkpoint.tensors[i];
    const ParameterId id{static_cast<std::uint32_t>(i)};
    (void)store_.take(id);
    store_.replace(id, saved.value.clone(), saved.version);
    for (std::size_t k = 0; k < saved.state.size(); ++k) {
      states_[i].tensors[k] = saved.state[k].clone();
    }
  }
  store_.set_version(checkpoint.store_version);
}

}  // namespace raven
