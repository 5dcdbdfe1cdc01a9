#pragma once

#include <optional>
#include <vector>

#include "raven/core/error.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/manifest.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/nn/model.hpp"

namespace raven {

// Whether a job and its data fit together. check_job() and build_training() judge by these, so that
// `raven check` and `raven train` never disagree. What the graph itself tells (shapes, class
// numbers in place of values) Model's constructor refuses, in both of them.

/// What of a model does not fit data that the graph can't know of: how many classes there are, how
/// many token ids, how many samples a snippet of the smallest batch has.
[[nodiscard]] std::vector<InputError> misfits(const JobSpec& job, const Manifest& train,
                                              const Model& model, const ParameterStore& store);

/// The first target that the job's loss can't be computed of, if there is one: bce_with_logits is
/// of targets from 0 to 1. Reads all samples then. @throws InputError when they can't be read
[[nodiscard]] std::optional<InputError> target_error(const JobSpec& job, const Dataset& data);

/// A graph of so many samples; of a model by sample: of samples of mean size.
[[nodiscard]] Graph graph_of(const Model& model, const Manifest& manifest,
                             const ParameterStore& store, std::int64_t samples, Tape::Mode mode);

}  // namespace raven
