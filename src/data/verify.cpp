#include "raven/data/verify.hpp"

#include <cstring>

#include "data/moments.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

constexpr std::size_t most_channels = 64;
constexpr std::size_t most_targets = 4096;

ShardRows load(const Manifest& manifest, const ShardEntry& entry) {
  return load_shard(manifest.path_of(entry), {.schema = manifest.schema,
                                              .rows = entry.rows,
                                              .sequences = entry.sequences,
                                              .tokens = entry.tokens,
                                              .nodes = entry.nodes,
                                              .sha256 = entry.sha256,
                                              .within = manifest.file.parent_path()});
}

/// Stored numbers as doubles, one at a time. @param rows of features
template <class Visit>
void visit_features(const SampleSchema& schema, const ShardRows& shard, std::int64_t rows,
                    Visit visit) {
  const auto count =
      static_cast<std::size_t>(rows) * static_cast<std::size_t>(schema.feature_shape.count());
  const std::byte* from = shard.features.get();
  for (std::size_t i = 0; i < count; ++i) {
    if (schema.feature_type == FeatureType::u8) {
      visit(i, static_cast<double>(std::to_integer<int>(from[i])));
    } else if (schema.feature_type == FeatureType::i32) {
      std::int32_t value = 0;
      std::memcpy(&value, from + 4 * i, 4);
      visit(i, static_cast<double>(value));
    } else {
      float value = 0;
      std::memcpy(&value, from + 4 * i, 4);
      visit(i, static_cast<double>(value));
    }
  }
}

/// Every token that is asked for, once.
void count_tokens(const SampleSchema& schema, const ShardRows& shard, DatasetSummary& summary,
                  Moments& features) {
  for (std::int64_t row = 0; row < shard.rows; ++row) {
    for (std::int64_t i = 1; i <= schema.context(); ++i) {
      std::int32_t token = 0;
      std::memcpy(&token, shard.features_of(row) + 4 * i, 4);
      if (token == SampleSchema::no_token) break;
      features.add(token);
      ++summary.class_counts[static_cast<std::size_t>(token)];
    }
  }
}

ChannelSummary summary_of(const Moments& moments) {
  return {moments.min(), moments.max(), moments.mean(), moments.std()};
}

}  // namespace

VerifyReport verify(const Manifest& manifest) {
  VerifyReport report;
  for (const ShardEntry& entry : manifest.shards) {
    std::error_code error;
    const auto size = std::filesystem::file_size(manifest.path_of(entry), error);
    if (!error) report.bytes += size;
    try {
      report.rows += load(manifest, entry).rows;
    } catch (const InputError& problem) {
      report.problems.push_back(problem);
    }
  }
  return report;
}

DatasetSummary describe(const Manifest& manifest) {
  const SampleSchema& schema = manifest.schema;
  const std::size_t channels =
      schema.feature_shape.rank() == 0 ? 1 : static_cast<std::size_t>(schema.feature_shape.back());
  const auto width = static_cast<std::size_t>(schema.target_width);
  const bool real = schema.target_kind == TargetKind::real;
  Moments features;
  Moments lengths;
  std::vector<Moments> by_channel(channels <= most_channels && !schema.of_sequences() ? channels
                                                                                      : 0);
  std::vector<Moments> targets(real && width <= most_targets ? width : 0);
  DatasetSummary summary;
  if (!real) summary.class_counts.assign(width, 0);
  for (const ShardEntry& entry : manifest.shards) {
    const ShardRows shard = load(manifest, entry);
    summary.rows += shard.rows;
    summary.bytes += shard.bytes;
    if (schema.of_sequences()) {
      count_tokens(schema, shard, summary, features);
      continue;
    }
    SampleExtent all{0, 0};
    for (std::int64_t row = 0; schema.ragged() && row < shard.rows; ++row) {
      const SampleExtent extent = shard.extent_of(row);
      all += extent;
      lengths.add(static_cast<double>(extent.tokens));
    }
    summary.tokens += all.tokens;
    summary.nodes += all.nodes;
    const std::int64_t feature_rows = schema.ragged() ? all.tokens : shard.rows;
    visit_features(schema, shard, feature_rows, [&](std::size_t i, double value) {
      features.add(value);
      if (!by_channel.empty()) by_channel[i % channels].add(value);
    });
    if (!schema.has_targets()) continue;
    const std::byte* from = shard.targets.get();
    for (std::int64_t row = schema.target_rows(shard.rows, all); row > 0; --row) {
      if (real) {
        for (std::size_t k = 0; k < targets.size(); ++k) {
          float value = 0;
          std::memcpy(&value, from + 4 * k, 4);
          targets[k].add(static_cast<double>(value));
        }
      } else {
        std::int32_t value = 0;
        std::memcpy(&value, from, 4);
        if (value >= 0) ++summary.class_counts[static_cast<std::size_t>(value)];
      }
      from += shard.target_bytes;
    }
  }
  summary.features = summary_of(features);
  summary.lengths = summary_of(lengths);
  for (const Moments& moments : by_channel) summary.channels.push_back(summary_of(moments));
  for (const Moments& moments : targets) summary.targets.push_back(summary_of(moments));
  return summary;
}

}  // namespace raven
