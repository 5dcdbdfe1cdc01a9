#include "data/split_writer.hpp"

#include <algorithm>
#include <cmath>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/random.hpp"
#include "raven/data/meaning.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

constexpr std::uint32_t split_purpose = 0x53504C54;
constexpr std::size_t usual_shard_bytes = std::size_t{64} << 20;
constexpr std::size_t max_shard_bytes = std::size_t{1} << 30;

std::int64_t checked_rows_per_shard(const ImportOptions& options, const SampleSchema& schema) {
  if (!schema.flaw().empty()) {
    throw InputError("these data can't become samples (" + std::string(schema.flaw()) + ")",
                     "check the shapes and types of the input");
  }
  if (!(options.valid_fraction >= 0 && options.valid_fraction < 1)) {
    throw InputError("the fraction of validation rows must be in [0, 1)", "try 0.1");
  }
  const auto most = static_cast<std::int64_t>(max_shard_bytes / schema.row_bytes());
  if (options.rows_per_shard < 0 || options.rows_per_shard > most) {
    throw InputError(
        "rows per shard must be in 0 .. " + std::to_string(most) + " (1 GiB per shard)",
        "leave it out to get about 64 MiB per shard");
  }
  if (options.rows_per_shard > 0) return options.rows_per_shard;
  return static_cast<std::int64_t>(
      std::max<std::size_t>(1, usual_shard_bytes / schema.row_bytes()));
}

}  // namespace

bool is_validation_row(const ImportOptions& options, std::int64_t row) {
  if (!options.valid_files.empty()) return false;
  const RandomKey key{
      .seed = options.seed, .op = split_purpose, .sample = static_cast<std::uint64_t>(row)};
  return key.words(0)[0] * 0x1.0p-32 < options.valid_fraction;
}

void settle_targets(const ImportOptions& options, SampleSchema& schema) {
  if (!options.targets) {
    schema.target_kind = TargetKind::none;
    schema.target_width = 0;
  } else if (options.like && options.like->schema.has_targets()) {
    schema.target_kind = options.like->schema.target_kind;
    schema.target_width = options.like->schema.target_width;
  }
}

void check_like(const ImportOptions& options, const Manifest& rows) {
  if (!options.like) return;
  const MeaningMatch match = compare_meanings(rows, *options.like, Targets::unused);
  if (match.verdict == MeaningMatch::Verdict::refused) {
    throw as_error(match, rows, options.like->file.string() + " has");
  }
}

SplitWriter::SplitWriter(ImportOptions options, SampleSchema schema, RowNames names)
    : options_(std::move(options)),
      schema_(std::move(schema)),
      names_(std::move(names)),
      rows_per_shard_(checked_rows_per_shard(options_, schema_)),
      files_(options_.folder) {
  if (options_.like) {
    Manifest rows = manifest_of(train_);
    rows.schema.normalisation = options_.like->schema.normalisation;
    check_like(options_, rows);
  }
}

void SplitWriter::add(ByteSpan features, ByteSpan target) {
  add(is_validation_row(options_, rows_), features, target);
}

void SplitWriter::add(bool valid, ByteSpan features, ByteSpan target) {
  expects(features.size() == schema_.feature_bytes() && target.size() == schema_.target_bytes(),
          "a row is what its schema says");
  Side& side = valid ? valid_ : train_;
  side.features.insert(side.features.end(), features.begin(), features.end());
  side.targets.insert(side.targets.end(), target.begin(), target.end());
  ++rows_;
  if (++side.rows == rows_per_shard_) flush(side);
}

void SplitWriter::flush(Side& side) {
  if (side.rows == 0) return;
  const std::string name = files_.next_shard(side.name);
  const Digest digest = write_shard(files_.path_of(name), schema_, side.features, side.targets);
  side.shards.push_back({.file = name, .rows = side.rows, .sha256 = digest});
  side.features.clear();
  side.targets.clear();
  side.rows = 0;
}

Manifest SplitWriter::manifest_of(Side& side) const {
  return {.name = options_.name + "-" + side.name,
          .schema = schema_,
          .class_names = names_.classes,
          .column_names = names_.columns,
          .target_name = names_.target,
          .origin = names_.origin,
          .shards = side.shards,
          .file = options_.folder / (std::string(side.name) + ".yaml")};
}

ImportReport SplitWriter::finish(const Normalisation& normalisation) {
  flush(train_);
  flush(valid_);
  if (train_.shards.empty()) {
    throw InputError("no row is left for training",
                     "give more rows, or a smaller fraction for validation");
  }
  schema_.normalisation = options_.like ? options_.like->schema.normalisation : normalisation;
  const bool validates = !valid_.shards.empty();
  return files_.commit(manifest_of(train_),
                       validates ? std::optional(manifest_of(valid_)) : std::nullopt);
}

}  // namespace raven
