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
          .numerics = setup.numerics,
          .epoch = sums,
          .history_json = history.to_json(),
          .credits_json = credits_to_json(credits_of(earlier_credits, roster)),
          .tensors = model.tensors(),
          .carried = sampler.begins_lanes(static_cast<std::int64_t>(step)) ? Tensor() : carried};
}

std::optional<NumericsGap> numerics_gap(const MasterSetup& setup, const Checkpoint& checkpoint) {
  NumericsClass here = setup.numerics;
  if (checkpoint.numerics.library.empty()) {
    // Formats 2 and 3 hold no more than these two.
    here = {.fingerprint = setup.earlier_fingerprint,
            .core = setup.numerics.core,
            .library = {},
            .vectors = {}};
  }
  return gap_between(here, checkpoint.numerics, "the run began with");
}

void Master::Impl::resume(const Checkpoint& checkpoint) {
  if (checkpoint.training_digest != setup.training_digest) {
    throw InputError(
        "the run was started with another model, data set or way of training, so going on would "
        "mix two runs",
        "choose another --run folder, or start this one anew with --fresh");
  }
  const std::optional<NumericsGap> gap = numerics_gap(setup, checkpoint);
  if (gap && setup.contributors.numerics == ContributorSpec::Numerics::strict) {
    throw InputError("this machine's arithmetic may give other bits than the run began with (" +
                         gap->difference + ")",
                     gap->remedy +
                         ", start anew with --fresh, or say `contributors: {numerics: any}` in the "
                         "job");
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
  resumed_complete = step >= steps && !result_is_due();
}

}  // namespace raven
