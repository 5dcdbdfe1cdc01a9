#include "raven/job/fit.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "raven/data/sampler.hpp"
#include "raven/job/build.hpp"
#include "raven/job/recorder.hpp"
#include "raven/snippet/snippet.hpp"

namespace raven {
namespace {

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

/// Whether the last layer has one number per class. The graph can't tell: a target is one class
/// number, however many classes there are.
void check_width(const JobSpec& job, const Manifest& train, const Model& model,
                 const ParameterStore& store, std::vector<InputError>& errors) {
  const SampleSchema& schema = train.schema;
  if (!model.by_size() || schema.target_kind == TargetKind::real) return;
  const Graph graph = graph_of(model, train, store, 2, Tape::Mode::inference);
  if (!graph.prediction) return;
  const Shape& prediction = type_of(graph, *graph.prediction).shape;
  if (prediction.rank() < 2 || prediction.back() == schema.target_width) return;
  errors.emplace_back(job.model.layers.back().layer.place,
                      "the last layer makes " + std::to_string(prediction.back()) +
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

std::int64_t smallest_snippet(std::int64_t rows, std::int64_t snippets) {
  return cut_batch(rows, snippets).back().rows;
}

/// Whether batch_norm would take its statistics over one value per channel in such a snippet: all
/// of it would become 0, whatever it was.
bool norms_one_value(const Model& model, const ParameterStore& store, std::int64_t rows) {
  const Graph graph = model.record(store, rows, Tape::Mode::training);
  return std::ranges::any_of(graph.nodes, [&](const Node& node) {
    if (node.kind != Node::Kind::call || node.op->name != "batch_norm") return false;
    const Shape& x = type_of(graph, node.inputs.front()).shape;
    return x.count() == x.back();
  });
}

/// The batch nearest to the one asked for whose epochs end with a batch that can be cut so.
std::int64_t batch_that_fits(std::int64_t samples, std::int64_t batch, std::int64_t snippets) {
  const auto fits = [&](std::int64_t rows) {
    const std::int64_t last = samples % rows;
    return rows / snippets > 1 && (last == 0 || last / std::min(last, snippets) > 1);
  };
  for (std::int64_t away = 1; away < batch || batch + away <= samples; ++away) {
    if (batch + away <= samples && fits(batch + away)) return batch + away;
    if (away < batch && fits(batch - away)) return batch - away;
  }
  return samples;
}

void check_batch_norm(const JobSpec& job, std::int64_t samples, const Model& model,
                      const ParameterStore& store, std::vector<InputError>& errors) {
  if (model.by_sample() || samples < 1) return;
  const TrainSpec& train = job.train;
  const std::int64_t batch = std::min(train.batch, samples);
  const std::int64_t last = samples % batch;
  const std::int64_t per_epoch = (samples + batch - 1) / batch;
  const bool last_comes = last > 0 && (train.max_steps == 0 || train.max_steps >= per_epoch);
  const auto wrong = [&](std::int64_t rows) {
    const std::int64_t smallest = smallest_snippet(rows, train.snippets);
    return smallest == 1 && norms_one_value(model, store, smallest);
  };
  const bool all = wrong(batch);
  if (!all && !(last_comes && wrong(last))) return;
  const std::int64_t rows = all ? batch : last;
  const std::string which = all ? "a batch of " + std::to_string(batch) + " samples"
                                : "the last batch of an epoch, " + std::to_string(samples) +
                                      " samples in batches of " + std::to_string(batch) +
                                      " leave " + std::to_string(last) + ",";
  std::string remedy;
  if (rows >= 2) {
    remedy = "write train.snippets: " + std::to_string(rows / 2) + " or less, or ";
  }
  remedy += "another train.batch, for instance " +
            std::to_string(all ? std::min(samples, 16 * train.snippets)
                               : batch_that_fits(samples, batch, train.snippets));
  errors.emplace_back(Place{job.file.string()},
                      "batch_norm would take its statistics over a single row (" + which +
                          " is cut into " + std::to_string(std::min(rows, train.snippets)) +
                          " snippets, one of a single row, whose every value would become 0)",
                      remedy);
}

std::string number_in_words(float value) {
  std::ostringstream text;
  text.precision(9);
  text << value;
  return text.str();
}

}  // namespace

Graph graph_of(const Model& model, const Manifest& manifest, const ParameterStore& store,
               std::int64_t samples, Tape::Mode mode) {
  if (!model.by_sample()) return model.record(store, samples, mode);
  const SampleData sample = parts_of(manifest.schema, mean_extent(manifest));
  const auto one = std::make_shared<const SampleGraph>(model.record_sample(store, sample, mode));
  return join_graphs(std::vector(static_cast<std::size_t>(samples), one), Autobatch::on);
}

std::vector<InputError> misfits(const JobSpec& job, const Manifest& train, const Model& model,
                                const ParameterStore& store) {
  std::vector<InputError> errors;
  check_width(job, train, model, store, errors);
  check_vocabulary(job, train, errors);
  if (auto error = grouping_error(job, train.schema)) errors.push_back(std::move(*error));
  check_batch_norm(job, train.rows(), model, store, errors);
  return errors;
}

std::optional<InputError> target_error(const JobSpec& job, const Dataset& data) {
  const SampleSchema& schema = data.schema();
  if (job.model.program != nullptr || job.model.loss.type != "bce_with_logits" ||
      schema.target_kind != TargetKind::real) {
    return std::nullopt;
  }
  constexpr std::int64_t most_at_once = 256;
  const std::size_t width = static_cast<std::size_t>(schema.target_width);
  std::vector<std::int64_t> samples;
  std::vector<std::byte> rows;
  std::vector<float> targets(width);
  for (std::int64_t first = 0; first < data.size(); first += most_at_once) {
    samples.clear();
    for (std::int64_t i = first; i < std::min(first + most_at_once, data.size()); ++i) {
      samples.push_back(i);
    }
    rows.resize(data.raw_bytes(samples));
    data.gather_raw(samples, rows);
    const auto ends = ends_of_rows(schema, rows, static_cast<std::int64_t>(samples.size())).value();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      std::copy_n(rows.data() + ends[i] - width * sizeof(float), width * sizeof(float),
                  reinterpret_cast<std::byte*>(targets.data()));
      const auto wrong =
          std::ranges::find_if(targets, [](float target) { return !(target >= 0 && target <= 1); });
      if (wrong == targets.end()) continue;
      return InputError({data.manifest().file.string()},
                        "sample " + std::to_string(samples[i]) + " (from 0) has the target " +
                            number_in_words(*wrong) +
                            ", but the loss bce_with_logits is of targets from 0 to 1",
                        "scale the targets, or use the loss mse, or cross_entropy for classes");
    }
  }
  return std::nullopt;
}

}  // namespace raven
