// A state that goes on from each window to the next one of its text.
#include <algorithm>
#include <utility>

#include "cluster/master_impl.hpp"
#include "raven/tensor/finite.hpp"

namespace raven {

Tensor Master::Impl::state_to_begin_with() const {
  if (!carries()) return {};
  const bool training = phase->purpose == Purpose::train;
  const Sampler& order = training ? sampler : valid_sampler;
  const Tensor& left = training ? carried : evaluation_carried;
  const auto step_there = static_cast<std::int64_t>(phase->lease_step);
  const std::vector<std::int64_t> samples = order.batch_at(step_there);
  Tensor state({DType::f32, {static_cast<std::int64_t>(samples.size()), setup.carried}});
  if (order.begins_lanes(step_there)) return state;
  const auto width = static_cast<std::size_t>(setup.carried);
  expects(left.count() >= state.count(), "a step of streams has left a state for each of the next");
  for (std::size_t row = 0; row < samples.size(); ++row) {
    if (setup.begins_text(phase->dataset, samples[row])) continue;
    const auto from = left.values().subspan(row * width, width);
    std::copy(from.begin(), from.end(), state.values().subspan(row * width, width).begin());
  }
  return state;
}

void Master::Impl::keep_state() {
  (phase->purpose == Purpose::train ? carried : evaluation_carried) = phase->state_after();
}

void Master::Impl::resume_state(const Checkpoint& checkpoint) {
  const auto next = static_cast<std::int64_t>(checkpoint.step);
  if (!carries() || sampler.begins_lanes(next)) return;
  const ValueType wanted{DType::f32, {sampler.batch_size(next - 1), setup.carried}};
  if (checkpoint.carried.type() != wanted || !is_finite(checkpoint.carried)) {
    throw InputError("the checkpoint of step " + std::to_string(next) +
                         " does not hold the state that the next windows go on from",
                     "resume from another one, or start anew with --fresh");
  }
  carried = checkpoint.carried;
}

std::int64_t Master::Impl::evaluation_steps() const {
  return carries() ? valid_sampler.steps_per_epoch() : 1;
}

std::vector<Snippet> Master::Impl::evaluation_pieces() const {
  if (carries()) {
    return cut_batch(valid_sampler.batch_size(evaluation_step), setup.train.snippets);
  }
  const std::int64_t rows = setup.datasets[1].rows;
  const std::int64_t size = evaluation_rows(setup.train);
  return cut_batch(rows, (rows + size - 1) / size);
}

}  // namespace raven
