#include "raven/nn/model.hpp"

namespace raven {
namespace {

constexpr std::uint32_t features_slot = 0;
constexpr std::uint32_t targets_slot = 1;

ValueType batch_of(const ValueType& sample, std::int64_t rows) {
  return {sample.dtype, sample.shape.with_first(rows)};
}

}  // namespace

Model::Model(const ModelSpec& spec, const ValueType& features, const ValueType& targets,
             ParameterStore& store)
    : loss_(find_loss(spec.loss.type)),
      loss_options_(spec.loss.options),
      features_(features),
      targets_(targets) {
  expects(loss_ != nullptr, "a checked model names a loss of loss_table()");
  body_ = make_sequence(spec.layers, {.store = store,
                                      .path = "",
                                      .input = batch_of(features, 1),
                                      .seed = spec.seed,
                                      .block = {},
                                      .vocabulary = spec.vocabulary});
  try {
    // A loss that does not fit shows now, not when training starts.
    (void)record(store, 1, Tape::Mode::training);
  } catch (const InputError& error) {
    if (error.place().line != 0) throw;
    throw InputError(spec.loss.place, spec.loss.type + ": " + error.problem(), error.remedy());
  }
}

Graph Model::record(const ParameterStore& store, std::int64_t rows, Tape::Mode mode) const {
  Tape tape(mode);
  const Variable prediction =
      body_->forward(store, tape.input(features_slot, batch_of(features_, rows)));
  tape.set_prediction(prediction);
  loss_->record(prediction, tape.input(targets_slot, batch_of(targets_, rows)), loss_options_);
  return tape.take();
}

}  // namespace raven
