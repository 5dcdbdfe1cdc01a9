#include "job/program_check.hpp"

#include <algorithm>
#include <filesystem>
#include <new>

#include "raven/data/meaning.hpp"
#include "raven/data/sampler.hpp"
#include "raven/graph/plan.hpp"
#include "raven/job/build.hpp"
#include "raven/job/check.hpp"
#include "raven/job/fit.hpp"
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
  // A program makes of each sample what it likes: its work shows only when all are recorded.
  if (!model.by_size()) return;
  const Plan plan(graph_of(model, manifest, store, summary.snippet_rows, Tape::Mode::training),
                  Plan::Purpose::training);
  summary.workspace_bytes = plan.workspace_bytes();
  summary.flops_per_step =
      plan.flops() * static_cast<double>(batch) / static_cast<double>(summary.snippet_rows);
}

/// Builds the model and runs it, and fills in what it amounts to.
/// @throws InputError when layers, data and loss do not fit together
void check_model(const JobSpec& job, const Manifest& train, const std::optional<Manifest>& valid,
                 bool data_fits, JobSummary& summary, std::vector<InputError>& errors) {
  const std::size_t errors_before = errors.size();
  ParameterStore store;
  const auto shared = std::make_shared<const Model>(model_for(job.model, train.schema),
                                                    row_of_features(train.schema),
                                                    row_of_targets(train.schema), store);
  const Model& model = *shared;
  for (InputError& error : misfits(job, train, model, store)) errors.push_back(std::move(error));
  if (!model.by_size() && data_fits) check_program(job, shared, train, valid, store, errors);
  for (const Manifest* manifest : {&train, valid ? &*valid : nullptr}) {
    if (errors.size() > errors_before || !data_fits || manifest == nullptr) continue;
    if (auto error = target_error(job, Dataset(*manifest))) errors.push_back(std::move(*error));
  }
  count_parameters(job, store, summary);
  if (errors.size() == errors_before) count_work(job, model, train, store, summary);
}

/// Data that is missing is a mistake: training would end there. What else is wrong with the job
/// shows on its sample set, if it names one.
void check_on_samples(const JobSpec& job, const InputError& missing,
                      std::vector<InputError>& errors) {
  errors.push_back(missing);
  if (!job.samples_folder) return;
  JobSpec on_samples = job;
  use_samples(on_samples);
  if (!missing_data(on_samples)) (void)check_job(on_samples, errors);
}

}  // namespace

std::optional<JobSummary> check_job(const JobSpec& job, std::vector<InputError>& errors) {
  const std::optional<InputError> missing = missing_data(job);
  std::error_code code;
  if (missing && !std::filesystem::exists(job.train_manifest, code)) {
    check_on_samples(job, *missing, errors);
    return std::nullopt;
  }
  const std::size_t errors_before = errors.size();
  const std::optional<Manifest> train = open_manifest(job.train_manifest, errors);
  std::optional<Manifest> valid;
  if (missing) {
    errors.push_back(*missing);
  } else if (job.valid_manifest) {
    valid = open_manifest(*job.valid_manifest, errors);
  }
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
    check_model(job, *train, valid, errors.size() == errors_before, summary, errors);
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
