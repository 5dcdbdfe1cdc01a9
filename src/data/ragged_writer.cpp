#include "data/ragged_writer.hpp"

#include "data/split_writer.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

constexpr std::size_t usual_numbers = std::size_t{16} << 20;  // 64 MiB
constexpr std::size_t most_numbers = std::size_t{256} << 20;  // 1 GiB
constexpr std::int64_t most_rows = std::int64_t{1} << 40;

void append(std::vector<std::int32_t>& to, const std::vector<std::int32_t>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::size_t numbers_in(const TokenSample& sample) {
  return sample.tokens.size() + sample.parents.size() + sample.targets.size();
}

}  // namespace

SampleSchema token_schema(SampleForm form, TargetKind kind, std::int32_t vocabulary,
                          std::int32_t classes) {
  SampleSchema schema;
  schema.form = form;
  schema.feature_type = FeatureType::i32;
  schema.vocabulary = vocabulary;
  schema.target_kind = kind;
  schema.target_width = classes;
  return schema;
}

RaggedWriter::RaggedWriter(ImportOptions options, SampleSchema schema,
                           std::vector<std::string> class_names, Vocabulary vocabulary,
                           std::string target_name)
    : options_(std::move(options)),
      schema_(std::move(schema)),
      class_names_(std::move(class_names)),
      vocabulary_(std::move(vocabulary)),
      target_name_(std::move(target_name)),
      files_(options_.folder) {
  if (!schema_.flaw().empty()) {
    throw InputError("these data can't become samples (" + std::string(schema_.flaw()) + ")",
                     "check the input's labels and words");
  }
  if (!(options_.valid_fraction >= 0 && options_.valid_fraction < 1)) {
    throw InputError("the fraction of validation rows must be in [0, 1)", "try 0.1");
  }
  if (options_.rows_per_shard < 0 || options_.rows_per_shard > most_rows) {
    throw InputError("rows per shard must be in 0 .. 2^40",
                     "leave it out to get about 64 MiB per shard");
  }
  check_like(options_, manifest_of(train_));
}

void RaggedWriter::add(const TokenSample& sample) {
  add(is_validation_row(options_, rows_), sample);
}

void RaggedWriter::add(bool valid, const TokenSample& sample) {
  const SampleExtent extent{static_cast<std::int64_t>(sample.tokens.size()),
                            static_cast<std::int64_t>(sample.parents.size())};
  expects(extent.tokens > 0 && (extent.nodes > 0) == (schema_.form == SampleForm::tree) &&
              static_cast<std::int64_t>(sample.targets.size()) ==
                  (schema_.has_targets() ? schema_.target_rows(1, extent) : 0),
          "a sample is what its schema says");
  Side& side = valid ? valid_ : train_;
  append(side.together.tokens, sample.tokens);
  append(side.together.parents, sample.parents);
  append(side.together.targets, sample.targets);
  side.token_offsets.push_back(static_cast<std::int64_t>(side.together.tokens.size()));
  side.node_offsets.push_back(static_cast<std::int64_t>(side.together.parents.size()));
  ++rows_;
  const std::size_t numbers = numbers_in(side.together);
  const auto waiting = static_cast<std::int64_t>(side.token_offsets.size()) - 1;
  const bool full = options_.rows_per_shard > 0
                        ? waiting == options_.rows_per_shard || numbers >= most_numbers
                        : numbers >= usual_numbers;
  if (full) flush(side);
}

void RaggedWriter::flush(Side& side) {
  if (side.together.tokens.empty()) return;
  const std::string name = files_.next_shard(side.name);
  const bool tree = schema_.form == SampleForm::tree;
  const Digest digest =
      write_ragged_shard(files_.path_of(name), schema_,
                         {.features = std::as_bytes(std::span(side.together.tokens)),
                          .token_offsets = side.token_offsets,
                          .parents = side.together.parents,
                          .node_offsets = tree ? std::span<const std::int64_t>(side.node_offsets)
                                               : std::span<const std::int64_t>(),
                          .targets = std::as_bytes(std::span(side.together.targets))});
  side.shards.push_back({.file = name,
                         .rows = static_cast<std::int64_t>(side.token_offsets.size()) - 1,
                         .sha256 = digest,
                         .tokens = static_cast<std::int64_t>(side.together.tokens.size()),
                         .nodes = static_cast<std::int64_t>(side.together.parents.size())});
  side.together = {};
  side.token_offsets.assign(1, 0);
  side.node_offsets.assign(1, 0);
}

Manifest RaggedWriter::manifest_of(const Side& side) const {
  return {.name = options_.name + "-" + side.name,
          .schema = schema_,
          .class_names = class_names_,
          .target_name = target_name_,
          .vocabulary = vocabulary_,
          .shards = side.shards,
          .file = options_.folder / (std::string(side.name) + ".yaml")};
}

ImportReport RaggedWriter::finish() {
  flush(train_);
  flush(valid_);
  if (train_.shards.empty()) {
    throw InputError("nothing is left to train on",
                     "give more samples, or a smaller fraction for validation");
  }
  const bool validates = !valid_.shards.empty();
  return files_.commit(manifest_of(train_),
                       validates ? std::optional(manifest_of(valid_)) : std::nullopt);
}

}  // namespace raven
