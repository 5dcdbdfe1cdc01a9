#include <algorithm>
#include <filesystem>
#include <new>

#include "raven/data/meaning.hpp"
#include "raven/data/sampler.hpp"
#include "raven/graph/plan.hpp"
#include "raven/job/build.hpp"
#include "raven/job/check.hpp"
#include "raven/job/recorder.hpp"
#include "raven/optim/optimizer.hpp"

namespace raven {
namespace {

std::optional<Manifest> open_manifest(const std::filesystem::path& file,
                                      std::vector<InputError>& errors) {
  try {
    Manifest manifest = read_manifest(file);
    for (const ShardEntry& shard : manifest.shards) {
      std::error_code code;
      if (std::filesystem::is_regular_file(manifest.path_of(shard), code)) continue;
      errors.emplace_back(Place{file.string(), shard.line, 0},
                          "shard " + shard.file.string() + " is not there",
                          "put it next to the manifest, or make the data again with 'raven data'");
    }
    return manifest;
  } catch (const InputError& error) {
    errors.push_back(error);
    return std::nullopt;
  }
}

std::string targets_in_words(const SampleSchema& schema) {
  const std::string width = std::to_string(schema.target_width);
  if (schema.target_kind == TargetKind::classes) return width + " classes";
  if (schema.target_kind == TargetKind::tags) return width + " classes for tags";
  if (schema.of_sequences()) return "the next of " + width + " tokens";
  return width + (schema.target_width == 1 ? " real number" : " real numbers");
}

/// Whether the validation data mean what the data to train on mean.
void compare(const Manifest& train, const Manifest& valid, std::vector<InputError>& errors,
             std::vector<std::string>& notes) {
  try {
    (void)taken_for(valid, train, Targets::needed, "the data to train on has", notes);
  } catch (const InputError& error) {
    errors.push_back(error);
  }
}

/// Whether the last layer has one number per class or per value. The graph can't tell: a target is
/// one class number, however many classes there are.
void check_width(const JobSpec& job, const Manifest& train, const ValueType& prediction,
                 std::vector<InputError>& errors) {
  const SampleSchema& schema = train.schema;
  if (schema.target_kind == TargetKind::real || prediction.shape.rank() < 2) return;
  const std::int64_t width = prediction.shape.back();
  if (width == schema.target_width) return;
  errors.emplace_back(job.model.layers.back().layer.place,
                      "the last layer makes " + std::to_string(width) +
                          " numbers per sample, but the data has " +
                          std::to_string(schema.target_width) + " classes",
                      "make the last layer " + std::to_string(schema.target_width) + " wide");
}

/// Whether every token id of the data has its row in the embedding: the graph only knows that they
/// are whole numbers.
void check_vocabulary(const JobSpec& job, const Manifest& train, std::vector<InputError>& errors) {
  if (train.schema.feature_type != FeatureType::i32) return;
  for (const LayerSpec& layer : job.model.layers) {
    if (layer.layer.type != "embedding" && layer.layer.type != "tied_embedding") continue;
    const std::int64_t count = layer.layer.options.integer("count");
    if (count > 0 && count < train.schema.vocabulary) {
      errors.emplace_back(layer.layer.place,
                          layer.layer.type + ".count is " + std::to_string(count) +
                              ", but the data has token ids up to " +
                              std::to_string(train.schema.vocabulary - 1),
                          "write at least " + std::to_string(train.schema.vocabulary));
    }
    return;
  }
}

void count_parameters(const JobSpec& job, const ParameterStore& store, JobSummary& summary) {
  const OptimizerDef* optimizer = find_optimizer(job.train.optimizer.type);
  const int states = optimizer ? optimizer->state_count(job.train.optimizer.options) : 0;
  for (const Parameter& parameter : store.all()) {
    const std::int64_t count = parameter.value.count();
    (parameter.trainable ? summary.parameters : summary.statistics) += count;
    summary.parameter_bytes += parameter.value.type().bytes();
    if (parameter.trainable) {
      summary.optimizer_bytes +=
          parameter.value.type().bytes() * static_cast<std::uint64_t>(states);
    }
  }
}

/// The sizes of a sample as long as the mean of all, from what the manifest says.
SampleExtent mean_extent(const Manifest& manifest) {
  SampleExtent all{.tokens = 0};
  for (const ShardEntry& shard : manifest.shards) {
    all.tokens += shard.tokens;
    all.nodes += shard.nodes;
  }
  const std::int64_t rows = std::max<std::int64_t>(manifest.rows(), 1);
  return {.tokens = std::max<std::int64_t>(all.tokens / rows, 1), .nodes = all.nodes / rows};
}

/// The graph of so many samples. Of a model by sample: of samples of mean size.
Graph graph_of(const Model& model, const Manifest& manifest, const ParameterStore& store,
               std::int64_t samples, Tape::Mode mode) {
  if (!model.by_sample()) return model.record(store, samples, mode);
  const SampleData sample = parts_of(manifest.schema, mean_extent(manifest));
  const auto one = std::make_shared<const SampleGraph>(model.record_sample(store, sample, mode));
  return join_graphs(std::vector(static_cast<std::size_t>(samples), one), Autobatch::on);
}

void count_work(const JobSpec& job, const Model& model, const Manifest& manifest,
                const ParameterStore& store, JobSummary& summary) {
  const TrainSpec& train = job.train;
  const Sampler sampler{.size = summary.train_samples, .batch = train.batch};
  summary.steps_per_epoch = sampler.steps_per_epoch();
  summary.steps = summary.steps_per_epoch * train.epochs;
  if (train.max_steps > 0) summary.steps = std::min(summary.steps, train.max_steps);

  const std::int64_t batch =
      std::min(train.batch, std::max<std::int64_t>(summary.train_samples, 1));
  summary.snippet_rows = (batch + train.snippets - 1) / train.snippets;
  // What a program makes of a sample shows only with the sample's numbers, and no shard is opened.
  if (!model.by_size()) return;
  const Plan plan(graph_of(model, manifest, store, summary.snippet_rows, Tape::Mode::training),
                  Plan::Purpose::training);
  summary.workspace_bytes = plan.workspace_bytes();
  summary.flops_per_step =
      plan.flops() * static_cast<double>(batch) / static_cast<double>(summary.snippet_rows);
}

}  // namespace

std::optional<JobSummary> check_job(const JobSpec& job, std::vector<InputError>& errors) {
  const std::size_t errors_before = errors.size();
  const std::optional<Manifest> train = open_manifest(job.train_manifest, errors);
  std::optional<Manifest> valid;
  if (job.valid_manifest) valid = open_manifest(*job.valid_manifest, errors);
  if (!train) return std::nullopt;
  JobSummary summary;
  if (auto error = missing_targets(*train)) {
    errors.push_back(std::move(*error));
    return std::nullopt;
  }
  if (valid) compare(*train, *valid, errors, summary.notes);
  const ValueType features = row_of_features(train->schema);
  summary.features = std::string(to_string(features.dtype)) + " " + to_string(features.shape);
  summary.targets = targets_in_words(train->schema);
  summary.train_samples = train->rows();
  summary.valid_samples = valid ? valid->rows() : 0;
  try {
    ParameterStore store;
    const Model model(model_for(job.model, train->schema), features, row_of_targets(train->schema),
                      store);
    if (model.by_size()) {
      const Graph graph = graph_of(model, *train, store, 2, Tape::Mode::inference);
      if (graph.prediction) check_width(job, *train, type_of(graph, *graph.prediction), errors);
    }
    check_vocabulary(job, *train, errors);
    if (auto error = grouping_error(job, train->schema)) errors.push_back(std::move(*error));
    count_parameters(job, store, summary);
    if (errors.size() == errors_before) count_work(job, model, *train, store, summary);
  } catch (const InputError& error) {
    const Place& whole =
        job.model.program != nullptr ? job.model.program_place : job.model.loss.place;
    const Place place = error.place().file.empty() ? whole : error.place();
    errors.emplace_back(place, error.problem(), error.remedy());
  } catch (const std::bad_alloc&) {
    errors.emplace_back(Place{job.file.string()},
                        "the model does not fit into this machine's memory",
                        "make its layers narrower");
  }
  if (errors.size() > errors_before) return std::nullopt;

  if (job.train.batch > summary.train_samples) {
    summary.notes.push_back("train.batch is " + std::to_string(job.train.batch) +
                            ", more than the samples there are: every step sees all " +
                            std::to_string(summary.train_samples));
  }
  if (!job.valid_manifest) {
    summary.notes.emplace_back(
        "no data.valid: nothing will tell whether the model learns or only remembers");
  }
  return summary;
}

}  // namespace raven
