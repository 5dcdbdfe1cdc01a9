#include "raven/nn/sample.hpp"

#include "raven/graph/ops/arithmetic.hpp"

namespace raven {
namespace {

std::span<const std::int32_t> whole_numbers(const ConstView& view) {
  if (!view || view.type.dtype != DType::i32) return {};
  return {view.i32(), static_cast<std::size_t>(view.count())};
}

Variable input(Tape& tape, InputSlot slot, const ConstView& view) {
  // Every sample asks for what it has, so that graphs of many are of equal inputs.
  return view.type.shape.rank() == 0 ? Variable() : tape.input(slot, view.type);
}

}  // namespace

Sample::Sample(Tape& tape, const SampleData& data)
    : tape_(&tape),
      data_(data),
      features_(input(tape, slot_features, data.features)),
      targets_(input(tape, slot_targets, data.targets)),
      lengths_(input(tape, slot_lengths, data.lengths)) {
  (void)input(tape, slot_parents, data.parents);
  (void)input(tape, slot_nodes, data.nodes);
}

void Sample::report(const std::string& name, Variable metric) const {
  report(name, metric, clamp(metric, 1, 1));
}

void Sample::report(const std::string& name, Variable metric, Variable counted) const {
  tape_->add_metric(name, metric);
  tape_->add_metric(name + "/rows", counted);  // by which told_metrics() divides
}

void Sample::report(const std::string& name, const ClassHits& found) const {
  report(name, found.hits, found.counted);
}

std::span<const std::int32_t> Sample::tokens() const { return whole_numbers(data_.features); }
std::span<const std::int32_t> Sample::parents() const { return whole_numbers(data_.parents); }

}  // namespace raven
