#pragma once

#include <memory>
#include <optional>

#include "raven/cluster/master.hpp"
#include "raven/core/error.hpp"
#include "raven/data/dataset.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/nn/model.hpp"

namespace raven {

/// A job made ready to train: data opened, model built, parameters initialised.
struct Training {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> valid;  ///< null when the job has none
  std::shared_ptr<const Model> model;
  ParameterStore parameters;
  MasterSetup setup;  ///< reads from the data sets above
  /// How the validation data were mapped to the training data, and what could not be compared.
  std::vector<std::string> notes;
};

/// Says that the job's data is not there, and the commands that make it; none when it is there.
[[nodiscard]] std::optional<InputError> missing_data(const JobSpec& job);

/// @throws InputError when data, model and loss do not fit together
[[nodiscard]] Training build_training(const JobSpec& job);

/// What is wrong with data to train on that have no targets.
[[nodiscard]] std::optional<InputError> missing_targets(const Manifest& train);

/// What is wrong with `train.group_by_length` for this data, if anything.
[[nodiscard]] std::optional<InputError> grouping_error(const JobSpec& job,
                                                       const SampleSchema& schema);

/// Everything that decides the bits of a run: model, loss, data, way of training. Two runs with
/// equal digests on one numerics class end with equal weights, so a checkpoint of one may be gone
/// on with by the other.
[[nodiscard]] Digest training_digest(const JobSpec& job, const ParameterStore& parameters,
                                     const Graph& graph, const Digest& data);

}  // namespace raven
