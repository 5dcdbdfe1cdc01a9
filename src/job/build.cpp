#include "raven/job/build.hpp"

#include "raven/data/meaning.hpp"
#include "raven/job/fit.hpp"
#include "raven/job/recorder.hpp"

#include <algorithm>

#include "raven/tensor/fingerprint.hpp"
#include "raven/tensor/numerics.hpp"

namespace raven {
namespace {

std::shared_ptr<const Dataset> open(Manifest manifest, std::uint64_t cache_bytes) {
  return std::make_shared<const Dataset>(std::move(manifest),
                                         DatasetOptions{.cache_bytes = cache_bytes});
}

DatasetOffer offer_of(const Dataset& dataset) {
  return {.manifest = std::filesystem::absolute(dataset.manifest().file).string(),
          .identity = dataset.manifest().identity(),
          .rows = dataset.size(),
          .schema = dataset.schema()};
}

void put(ByteWriter& to, const Choice& choice) {
  to.put_string(choice.type);
  for (const auto& [name, value] : choice.options.all()) {
    to.put_string(name);
    std::visit(
        [&](const auto& v) {
          using V = std::remove_cvref_t<decltype(v)>;
          if constexpr (std::is_same_v<V, std::string>) {
            to.put_string(v);
          } else if constexpr (std::is_arithmetic_v<V>) {
            to.put(v);
          } else {
            to.put_list(std::span(v));
          }
        },
        value);
  }
}

/// A graph that stands for the model: of a whole batch, or of the first sample.
Graph example_graph(const Training& training, const JobSpec& job) {
  const MasterSetup& setup = training.setup;
  if (setup.record_sample) {
    const Recording recorded = setup.record_sample(0, 0, Tape::Mode::training, training.parameters);
    return decode_graph(recorded.graph->bytes.bytes(), {}, training.model->ops());
  }
  return setup.record(std::min(job.train.batch, setup.datasets.front().rows), Tape::Mode::training);
}

}  // namespace

std::optional<InputError> missing_targets(const Manifest& train) {
  if (train.schema.has_targets()) return std::nullopt;
  return InputError({train.file.string()}, "has no targets, so there is nothing to learn from it",
                    "import it without --no-target; 'raven predict' takes it as it is");
}

std::optional<InputError> grouping_error(const JobSpec& job, const SampleSchema& schema) {
  if (job.train.group_by_length == 0 || schema.ragged()) return std::nullopt;
  return InputError({job.file.string()},
                    "train.group_by_length is for sentences and trees, but all samples of this "
                    "data are of one length",
                    "leave it out");
}

Digest training_digest(const JobSpec& job, const ParameterStore& parameters, const Graph& graph,
                       const Digest& data) {
  ByteWriter bytes;
  bytes.put_raw(encode(graph));
  for (const Parameter& parameter : parameters.all()) {
    bytes.put_string(parameter.name);
    bytes.put(parameter.decays);
  }
  bytes.put_raw(data.bytes);
  const TrainSpec& train = job.train;
  bytes.put(job.autobatch);
  bytes.put(train.seed);
  bytes.put(train.epochs);
  bytes.put(train.max_steps);
  bytes.put(train.batch);
  bytes.put(train.snippets);
  bytes.put(train.shuffle);
  if (train.group_by_length > 0) bytes.put(train.group_by_length);
  put(bytes, train.optimizer);
  put(bytes, train.schedule);
  bytes.put(train.clip.norm);
  bytes.put(train.clip.value);
  return digest_of(bytes.bytes());
}

Training build_training(const JobSpec& job) {
  if (const auto missing = missing_data(job)) throw *missing;
  Training training;
  training.train = open(read_manifest(job.train_manifest), job.data_cache_bytes);
  if (const auto error = missing_targets(training.train->manifest())) throw *error;
  if (job.valid_manifest) {
    training.valid = open(taken_for(read_manifest(*job.valid_manifest), training.train->manifest(),
                                    Targets::needed, "the data to train on has", training.notes),
                          job.data_cache_bytes);
  }
  const SampleSchema& schema = training.train->schema();
  training.model =
      std::make_shared<const Model>(model_for(job.model, schema), row_of_features(schema),
                                    row_of_targets(schema), training.parameters);

  for (const InputError& error :
       misfits(job, training.train->manifest(), *training.model, training.parameters)) {
    throw error;  // the first one, as check_job() has it
  }
  for (const auto& data : {training.train, training.valid}) {
    if (data == nullptr) continue;
    if (const auto error = target_error(job, *data)) throw *error;
  }

  if (training.parameters.size() > max_parameters) {
    throw InputError("the model has " + std::to_string(training.parameters.size()) +
                         " parameter tensors, and at most " + std::to_string(max_parameters) +
                         " can be told apart on the wire",
                     "make its layers fewer and wider");
  }

  MasterSetup& setup = training.setup;
  setup.train = job.train;
  setup.contributors = job.contributors;
  // Recording reads shapes only, so a copy of the store's handles outlives every update.
  setup.record = [model = training.model, store = training.parameters](std::int64_t rows,
                                                                       Tape::Mode mode) {
    return model->record(store, rows, mode);
  };
  setup.autobatch = job.autobatch;
  if (training.model->by_sample()) {
    std::vector<std::shared_ptr<const Dataset>> datasets{training.train};
    if (training.valid) datasets.push_back(training.valid);
    const auto recorder = std::make_shared<Recorder>(training.model, std::move(datasets));
    setup.record_sample = [recorder](std::uint32_t dataset, std::int64_t sample, Tape::Mode mode,
                                     const ParameterStore& now) {
      return (*recorder)(dataset, sample, mode, now);
    };
  }
  setup.length = [train = training.train](std::int64_t sample) {
    const SampleExtent extent = train->extent(sample);
    return std::max(extent.tokens, extent.nodes);
  };
  setup.datasets.push_back(offer_of(*training.train));
  if (training.valid) setup.datasets.push_back(offer_of(*training.valid));
  setup.raw_rows = [train = training.train, valid = training.valid](
                       std::uint32_t dataset, std::span<const std::int64_t> samples) {
    const Dataset& from = dataset == 0 ? *train : *valid;
    Bytes rows(from.raw_bytes(samples));
    from.gather_raw(samples, rows);
    return Blob(std::move(rows));
  };
  setup.carried = training.model->carried();
  setup.begins_text = [train = training.train, valid = training.valid](std::uint32_t dataset,
                                                                       std::int64_t sample) {
    return (dataset == 0 ? train : valid)->begins_sequence(sample);
  };
  setup.numerics = numerics_class();
  setup.earlier_fingerprint = earlier_fingerprint();
  setup.cache_bytes = job.data_cache_bytes;
  setup.checkpoint_every = job.checkpoint.every;
  setup.training_digest = training_digest(job, training.parameters, example_graph(training, job),
                                          training.train->manifest().identity());
  return training;
}

}  // namespace raven
