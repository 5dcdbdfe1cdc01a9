#include "raven/nn/model.hpp"

#include "raven/graph/ops/layout.hpp"

namespace raven {
namespace {

ValueType batch_of(const ValueType& sample, std::int64_t rows) {
  return {sample.dtype, sample.shape.with_first(rows)};
}

}  // namespace

Model::Model(const ModelSpec& spec, const ValueType& features, const ValueType& targets,
             ParameterStore& store)
    : ragged_(spec.ragged),
      loss_(find_loss(spec.loss.type)),
      loss_options_(spec.loss.options),
      features_(features),
      targets_(targets) {
  const ModuleContext context{.store = store,
                              .path = "",
                              .input = batch_of(features, 1),
                              .seed = spec.seed,
                              .block = {},
                              .vocabulary = spec.vocabulary,
                              .ragged = spec.ragged,
                              .carried = spec.windows ? &carried_ : nullptr};
  if (spec.program != nullptr) {
    make_program(spec, context);
    return;
  }
  expects(loss_ != nullptr, "a checked model names a loss of loss_table()");
  body_ = make_sequence(spec.layers, context);
  try {
    // A loss that does not fit shows now, not when training starts.
    if (by_sample()) {
      const ConstView one{nullptr, {DType::i32, {1}}};
      (void)record_sample(store,
                          {.features = {nullptr, batch_of(features, 1)},
                           .targets = {nullptr, batch_of(targets, 1)},
                           .lengths = one,
                           .parents = spec.ragged == Ragged::trees ? one : ConstView{},
                           .nodes = spec.ragged == Ragged::trees ? one : ConstView{}},
                          Tape::Mode::training);
    } else {
      (void)record(store, 1, Tape::Mode::training);
    }
  } catch (const InputError& error) {
    if (error.place().line != 0) throw;
    throw InputError(spec.loss.place, spec.loss.type + ": " + error.problem(), error.remedy());
  }
}

void Model::make_program(const ModelSpec& spec, const ModuleContext& context) {
  Builder builder(context, spec.classes);
  try {
    program_ = spec.program->make(builder);
  } catch (const InputError& error) {
    if (error.place().line != 0) throw;
    throw InputError(spec.program_place, std::string(spec.program->name) + ": " + error.problem(),
                     error.remedy());
  }
  ops_ = spec.program->ops;
}

Graph Model::record_sample(const ParameterStore& store, const SampleData& sample, Tape::Mode mode,
                           bool* used_values) const {
  Tape tape(mode);
  const ConstView inputs[] = {sample.features, sample.targets, sample.lengths, sample.parents,
                              sample.nodes};
  tape.bind(store, inputs);
  const Sample seen(tape, sample);
  if (program_) {
    program_->record(seen);
    if (mode == Tape::Mode::training && !tape.graph().losses) {
      throw InputError("the program gives a sample no loss",
                       "call sample.learn() for every sample");
    }
  } else {
    const Variable prediction = body_->forward(store, seen.features());
    tape.set_prediction(prediction);
    loss_->record(prediction, seen.targets(), loss_options_);
  }
  if (used_values != nullptr) *used_values = tape.used_values();
  return tape.take();
}

Graph Model::record(const ParameterStore& store, std::int64_t rows, Tape::Mode mode) const {
  Tape tape(mode);
  if (carried_ > 0) (void)tape.input(slot_state, {DType::f32, {rows, carried_}});
  const Variable prediction =
      body_->forward(store, tape.input(slot_features, batch_of(features_, rows)));
  tape.set_prediction(prediction);
  loss_->record(prediction, tape.input(slot_targets, batch_of(targets_, rows)), loss_options_);
  if (carried_ > 0) tape.set_state(concat(tape.state_parts()));
  return tape.take();
}

}  // namespace raven
