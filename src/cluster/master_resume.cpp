#include <algorithm>

#include "cluster/master_impl.hpp"
#include "raven/core/error.hpp"

namespace raven {

Checkpoint Master::Impl::snapshot(Instant now) const {
  return {.step = step,
          .seed = setup.train.seed,
          .store_version = model.parameters().version(),
          .wall_seconds = seconds(now),
          .training_digest = setup.training_digest,
          .fingerprint = setup.fingerprint,
          .core = setup.core,
          .epoch = sums,
          .history_json = history.to_json(),
          .credits_json = credits_to_json(credits_of(earlier_credits, roster)),
          .tensors = model.tensors(),
          .carried = sampler.begins_lanes(static_cast<std::int64_t>(step)) ? Tensor() : carried};
}

void Master::Impl::resume(const Checkpoint& checkpoint) {
  if (checkpoint.training_digest != setup.training_digest) {
    throw InputError(
        "the run was started with another model, data set or way of training, so going on would "
        "mix two runs",
        "choose another --run folder, or start this one anew with --fresh");
  }
  if (checkpoint.fingerprint != setup.fingerprint &&
      setup.contributors.numerics == ContributorSpec::Numerics::strict) {
    throw InputError(
        "this machine's kernels give other bits than those that the run began with (OpenBLAS "
        "core " +
            setup.core + " here, " + checkpoint.core + " there)",
        setup.core == checkpoint.core
            ? "go on where it began, start anew with --fresh, or say `contributors: {numerics: "
              "any}` in the job"
            : "set OPENBLAS_CORETYPE=" + checkpoint.core +
                  ", start anew with --fresh, or say `contributors: {numerics: any}` in the job");
  }
  resume_state(checkpoint);
  model.restore(checkpoint);
  step = checkpoint.step;
  sums = checkpoint.epoch;
  seconds_before = std::max(seconds_before, checkpoint.wall_seconds);
  history =
      History::from_json(checkpoint.history_json,
                         static_cast<std::uint64_t>(sampler.steps_per_epoch()), &untold_epochs);
  earlier_credits = credits_from_json(checkpoint.credits_json);
  const auto epochs_done = static_cast<std::int64_t>(step) / sampler.steps_per_epoch();
  resumed_complete = step >= steps && history.epochs() >= epochs_done;
}

}  // namespace raven
