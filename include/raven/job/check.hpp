#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "raven/core/error.hpp"
#include "raven/job/job_spec.hpp"

namespace raven {

/// What a job amounts to, as far as can be told without training.
struct JobSummary {
  std::string features;  ///< "f32 [28, 28, 1]", type of one sample
  std::string targets;   ///< "10 classes" or "3 real numbers"
  std::int64_t train_samples = 0;
  std::int64_t valid_samples = 0;
  std::int64_t parameters = 0;        ///< trained numbers
  std::int64_t statistics = 0;        ///< numbers kept but not trained (running means)
  std::uint64_t parameter_bytes = 0;  ///< of both
  std::uint64_t optimizer_bytes = 0;  ///< kept by the optimizer, on rank 0
  std::uint64_t workspace_bytes = 0;  ///< per snippet being computed
  std::int64_t steps_per_epoch = 0;
  std::int64_t steps = 0;          ///< of the whole run
  std::int64_t snippet_rows = 0;   ///< samples of the largest snippet
  double flops_per_step = 0;       ///< GEMM-like work of a full batch, forward and backward
  std::vector<std::string> notes;  ///< allowed, but worth knowing
};

/// Tries a job without training it: reads its manifests (all shards must be there), builds the
/// model on a scratch store and records one snippet, so that every shape is checked. A program is
/// run on the first sample of each data set. Shards are opened only for that, and where the loss
/// limits what a target may be.
/// @param errors every mistake found, with the place in the job or manifest; the result is none
/// when there is any
[[nodiscard]] std::optional<JobSummary> check_job(const JobSpec& job,
                                                  std::vector<InputError>& errors);

}  // namespace raven
