#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "raven/data/manifest.hpp"
#include "raven/job/job_spec.hpp"

namespace raven {

/// Runs a program on the first sample of each data set, in training and in validation: shapes that
/// do not fit show, and whether all are given the same kinds of things. The shards with these
/// samples are read.
void check_program(const JobSpec& job, const std::shared_ptr<const Model>& model,
                   const Manifest& train, const std::optional<Manifest>& valid,
                   const ParameterStore& store, std::vector<InputError>& errors);

}  // namespace raven
