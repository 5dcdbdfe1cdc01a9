#include "cluster/history.hpp"
#include "cluster/master_impl.hpp"
#include "raven/core/error.hpp"

namespace raven {

Checkpoint Master::Impl::snapshot(Instant now) const {
  return {.step = step,
          .seed = setup.train.seed,
          .store_version = model.parameters().version(),
          .wall_seconds = seconds_before + std::chrono::duration<double>(now - started).count(),
          .training_digest = setup.training_digest,
          .numerics = setup.numerics,
          .epoch = sums,
          .history_json = history_to_json(history),
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
  seconds_before = checkpoint.wall_seconds;
  history = history_from_json(checkpoint.history_json, sampler.steps_per_epoch());
}

}  // namespace raven
