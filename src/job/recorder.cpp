#include "raven/job/recorder.hpp"

#include <algorithm>
#include <utility>

namespace raven {
namespace {

ValueType without_rows(const ValueType& type) { return {type.dtype, type.shape.without_first()}; }

}  // namespace

Recorder::Recorder(std::shared_ptr<const Model> model,
                   std::vector<std::shared_ptr<const Dataset>> datasets, RecorderLimits limits)
    : model_(std::move(model)),
      datasets_(std::move(datasets)),
      limits_(limits),
      sweep_at_(limits.sweep_at) {
  for (auto& of_mode : by_sample_) of_mode.resize(datasets_.size());
}

Recording Recorder::operator()(std::uint32_t dataset, std::int64_t sample, Tape::Mode mode,
                               const ParameterStore& now) {
  const Dataset& from = *datasets_[dataset];
  const bool training = mode == Tape::Mode::training;
  if (model_->by_size()) {
    const SampleExtent extent = from.extent(sample);
    Kept& kept = by_sizes_[{extent.tokens, extent.nodes, training}];
    if (!kept) kept = record(parts_of(from.schema(), extent), mode, now, nullptr);
    return {.graph = kept};
  }
  std::vector<Kept>& kept = by_sample_[training ? 1 : 0][dataset];
  if (kept.empty()) kept.resize(static_cast<std::size_t>(from.size()));
  Kept& place = kept[static_cast<std::size_t>(sample)];
  if (place) return {.graph = place};
  bool used_values = false;
  Kept recorded = record(read(from, sample, from.extent(sample)), mode, now, &used_values);
  if (!used_values) {
    place = recorded;
    oldest_first_.push_back(&place);
    if (++holders_[recorded.get()] == 1) kept_bytes_ += recorded->bytes.size();
    while (kept_bytes_ > limits_.kept_bytes && !oldest_first_.empty()) {
      Kept& oldest = *oldest_first_.front();
      const auto holders = holders_.find(oldest.get());
      if (--holders->second == 0) {
        kept_bytes_ -= oldest->bytes.size();
        holders_.erase(holders);
      }
      oldest.reset();
      oldest_first_.pop_front();
    }
  }
  return {recorded, used_values};
}

Recorder::Kept Recorder::record(const SampleData& sample, Tape::Mode mode,
                                const ParameterStore& now, bool* values) {
  const Graph graph = model_->record_sample(now, sample, mode, values);
  Bytes bytes = encode(graph);
  const Digest digest = digest_of(bytes);
  if (known_.size() >= sweep_at_) {
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max(limits_.sweep_at, 2 * known_.size());
  }
  std::weak_ptr<const RecordedSample>& known = known_[digest];
  if (Kept before = known.lock()) return before;
  auto fresh =
      std::make_shared<const RecordedSample>(recorded_sample(graph, std::move(bytes), digest));
  known = fresh;
  return fresh;
}

SampleData Recorder::read(const Dataset& from, std::int64_t sample, const SampleExtent& extent) {
  SampleData data = parts_of(from.schema(), extent);
  ConstView* const parts[] = {&data.features, &data.targets, &data.lengths, &data.parents,
                              &data.nodes};
  View views[5];
  for (std::size_t i = 0; i < 5; ++i) {
    if (parts[i]->type.shape.rank() == 0) continue;
    parts_.bytes[i].resize(parts[i]->type.bytes());
    views[i] = {parts_.bytes[i].data(), parts[i]->type};
    parts[i]->data = views[i].data;
  }
  from.read({&sample, 1}, {.features = views[0],
                           .targets = views[1],
                           .lengths = views[2],
                           .parents = views[3],
                           .nodes = views[4]});
  return data;
}

SampleData parts_of(const SampleSchema& schema, const SampleExtent& extent) {
  const auto whole = [](std::int64_t count) {
    return ConstView{nullptr, {DType::i32, Shape{count}}};
  };
  SampleData data{.features = {nullptr, schema.features(extent.tokens)},
                  .targets = {nullptr, schema.targets(schema.target_rows(1, extent))},
                  .lengths = {},
                  .parents = {},
                  .nodes = {}};
  if (schema.ragged()) data.lengths = whole(1);
  if (extent.nodes > 0) {
    data.parents = whole(extent.nodes);
    data.nodes = whole(1);
  }
  return data;
}

ModelSpec model_for(const ModelSpec& model, const SampleSchema& schema) {
  ModelSpec fitted = model;
  fitted.vocabulary = schema.vocabulary;
  fitted.classes = schema.target_width;
  fitted.windows = schema.of_sequences();
  if (schema.ragged()) {
    fitted.ragged = schema.form == SampleForm::tree ? Ragged::trees : Ragged::sequences;
  }
  return fitted;
}

ValueType row_of_features(const SampleSchema& schema) { return without_rows(schema.features(1)); }
ValueType row_of_targets(const SampleSchema& schema) { return without_rows(schema.targets(1)); }

}  // namespace raven
