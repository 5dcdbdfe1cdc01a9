#include "cli/bench_models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "raven/core/random.hpp"
#include "raven/data/manifest.hpp"
#include "raven/data/shard.hpp"
#include "raven/tensor/kernels/fill.hpp"

namespace raven {
namespace {

constexpr const char* plain = "optimizer: {sgd: {rate: 0.01}}\n";
constexpr const char* momentum = "optimizer: {sgd: {rate: 0.01, momentum: 0.9}}\n";

const BenchModel models[] = {
    {"mlp",
     "  - linear: {features: 512, activation: relu}\n"
     "  - linear: {features: 512, activation: relu}\n"
     "  - linear: {features: 10}\n",
     momentum,
     {784},
     0,
     10,
     256,
     10240,
     4},
    {"mlp_big",
     "  - linear: {features: 4096, activation: relu}\n"
     "  - linear: {features: 4096, activation: relu}\n"
     "  - linear: {features: 1000}\n",
     momentum,
     {1024},
     0,
     1000,
     256,
     2560,
     2},
    {"cnn",
     "  - conv2d: {channels: 32, kernel: 3, padding: 1, activation: relu}\n"
     "  - max_pool2d: {size: 2}\n"
     "  - conv2d: {channels: 64, kernel: 3, padding: 1, activation: relu}\n"
     "  - max_pool2d: {size: 2}\n"
     "  - flatten\n"
     "  - linear: {features: 128, activation: relu}\n"
     "  - linear: {features: 10}\n",
     momentum,
     {28, 28, 1},
     0,
     10,
     128,
     5120,
     8},
    // As jobs/char_gpt.yaml, with as many characters as a book has.
    {"char_gpt",
     "  - tied_embedding:\n"
     "      width: 128\n"
     "      layers:\n"
     "        - positions\n"
     "        - transformer_encoder: {count: 4, heads: 4, causal: true}\n"
     "        - layer_norm\n",
     "optimizer: {adamw: {rate: 1.0e-3}}\n",
     {},
     64,
     96,
     12,
     12000,
     2},
    // As jobs/word_lstm.yaml.
    {"word_lstm",
     "  - tied_embedding:\n"
     "      width: 200\n"
     "      layers:\n"
     "        - lstm: {features: 200, layers: 2, dropout: 0.2, carry: true}\n",
     "optimizer: {adam: {rate: 2.0e-3}}\nclip: {norm: 1.0}\n",
     {},
     20,
     10000,
     20,
     20000,
     2},
    {"tagger",
     "  - embedding: {width: 128}\n"
     "  - lstm: {features: 64, bidirectional: true}\n"
     "  - linear: {features: 32, activation: tanh}\n"
     "  - linear: {features: 20}\n",
     plain,
     {},
     0,
     20,
     64,
     6400,
     2,
     BenchModel::Form::sentences},
    {"tree_lstm",
     "  - embedding: {width: 128}\n"
     "  - tree_lstm: {features: 128, returns: root}\n"
     "  - linear: {features: 5}\n",
     plain,
     {},
     0,
     5,
     64,
     6400,
     2,
     BenchModel::Form::trees},
};

constexpr std::int32_t ragged_vocabulary = 10000;

std::vector<std::int32_t> random_classes(std::int64_t count, std::int32_t classes) {
  RandomStream random({.seed = 2});
  std::vector<std::int32_t> values(static_cast<std::size_t>(count));
  for (std::int32_t& value : values) {
    value = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(classes)));
  }
  return values;
}

SampleSchema schema_of(const BenchModel& model) {
  SampleSchema schema;
  schema.target_width = model.classes;
  if (model.form != BenchModel::Form::numbers_or_windows) {
    const bool trees = model.form == BenchModel::Form::trees;
    schema.form = trees ? SampleForm::tree : SampleForm::sequence;
    schema.feature_type = FeatureType::i32;
    schema.vocabulary = ragged_vocabulary;
    schema.target_kind = trees ? TargetKind::classes : TargetKind::tags;
    return schema;
  }
  if (model.context == 0) {
    schema.feature_shape = model.features;
    return schema;
  }
  schema.feature_type = FeatureType::i32;
  schema.feature_shape = {model.context};
  schema.vocabulary = model.classes;
  schema.target_kind = TargetKind::next;
  return schema;
}

ShardEntry write_numbers(const BenchModel& model, const std::filesystem::path& folder) {
  const char* const shard = "random.h5";
  std::vector<float> features(static_cast<std::size_t>(model.rows * model.features.count()));
  kernels::fill_normal({.seed = 1}, static_cast<std::int64_t>(features.size()), 0, 1,
                       features.data());
  const std::vector<std::int32_t> targets = random_classes(model.rows, model.classes);
  const Digest digest =
      write_shard(folder / shard, schema_of(model), std::as_bytes(std::span(features)),
                  std::as_bytes(std::span(targets)));
  return {.file = shard, .rows = model.rows, .sha256 = digest};
}

ShardEntry write_tokens(const BenchModel& model, const std::filesystem::path& folder) {
  const char* const shard = "random.h5";
  const std::int64_t count = model.rows * model.context + 1;
  const std::vector<std::int32_t> tokens = random_classes(count, model.classes);
  const std::int64_t offsets[] = {0, count};
  const Digest digest = write_token_shard(folder / shard, schema_of(model), tokens, offsets);
  return {.file = shard, .rows = model.rows, .sha256 = digest, .sequences = 1, .tokens = count};
}

/// Appends the parents of a binary tree over so many leaves, in postorder. @return its root
std::int32_t grow(RandomStream& random, std::int64_t leaves, std::int32_t first,
                  std::vector<std::int32_t>& parents) {
  if (leaves == 1) {
    parents.push_back(-1);
    return static_cast<std::int32_t>(parents.size()) - 1 - first;
  }
  const std::int64_t left = 1 + random.below(static_cast<std::uint32_t>(leaves - 1));
  const std::int32_t children[] = {grow(random, left, first, parents),
                                   grow(random, leaves - left, first, parents)};
  parents.push_back(-1);
  const std::int32_t node = static_cast<std::int32_t>(parents.size()) - 1 - first;
  for (const std::int32_t child : children) {
    parents[static_cast<std::size_t>(first + child)] = node;
  }
  return node;
}

ShardEntry write_ragged(const BenchModel& model, const std::filesystem::path& folder) {
  const char* const shard = "random.h5";
  RandomStream random({.seed = 3});
  std::vector<std::int64_t> token_offsets{0};
  std::vector<std::int64_t> node_offsets{0};
  std::vector<std::int32_t> parents;
  const bool trees = model.form == BenchModel::Form::trees;
  for (std::int64_t i = 0; i < model.rows; ++i) {
    const std::int64_t length = 5 + random.below(36);
    token_offsets.push_back(token_offsets.back() + length);
    if (!trees) continue;
    (void)grow(random, length, static_cast<std::int32_t>(parents.size()), parents);
    node_offsets.push_back(static_cast<std::int64_t>(parents.size()));
  }
  const std::vector<std::int32_t> tokens = random_classes(token_offsets.back(), ragged_vocabulary);
  const std::vector<std::int32_t> targets =
      random_classes(trees ? model.rows : token_offsets.back(), model.classes);
  RaggedSamples samples{.features = std::as_bytes(std::span(tokens)),
                        .token_offsets = token_offsets,
                        .targets = std::as_bytes(std::span(targets))};
  ShardEntry entry{.file = shard, .rows = model.rows, .sha256 = {}, .tokens = token_offsets.back()};
  if (trees) {
    samples.parents = parents;
    samples.node_offsets = node_offsets;
    entry.nodes = node_offsets.back();
  }
  entry.sha256 = write_ragged_shard(folder / shard, schema_of(model), samples);
  return entry;
}

}  // namespace

const BenchModel* find_bench_model(const std::string& name) {
  const auto* const found =
      std::find_if(std::begin(models), std::end(models),
                   [&](const BenchModel& model) { return model.name == name; });
  return found == std::end(models) ? nullptr : found;
}

std::string bench_model_names() {
  std::string names;
  for (const BenchModel& model : models)
    names += (names.empty() ? "" : ", ") + std::string(model.name);
  return names;
}

void write_bench_data(const BenchModel& model, const std::filesystem::path& folder) {
  const ShardEntry shard = model.form != BenchModel::Form::numbers_or_windows
                               ? write_ragged(model, folder)
                           : model.context > 0 ? write_tokens(model, folder)
                                               : write_numbers(model, folder);
  const std::filesystem::path file = folder / "random.yaml";
  write_manifest({.name = model.name,
                  .schema = schema_of(model),
                  .class_names = {},
                  .shards = {shard},
                  .file = file},
                 file);
}

std::string bench_job(const BenchModel& model, int snippets) {
  return fmt::format(
      "name: bench_{}\nseed: 1\ndata: {{train: random.yaml}}\nmodel:\n{}loss: cross_entropy\n{}"
      "train: {{epochs: 100000, batch: {}, snippets: {}}}\ncheckpoint: {{every: 24 h}}\n",
      model.name, model.layers, model.optimizer, model.batch, snippets);
}

}  // namespace raven
