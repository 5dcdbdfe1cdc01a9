#pragma once

#include <string>
#include <vector>

#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/shard.hpp"

namespace raven {

/// A sample of ragged data in the clear.
struct PlainSample {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> parents{};  ///< trees
  std::vector<std::int32_t> targets;
  bool operator==(const PlainSample&) const = default;
};

inline SampleSchema ragged_schema(SampleForm form, TargetKind kind) {
  SampleSchema schema;
  schema.form = form;
  schema.feature_type = FeatureType::i32;
  schema.vocabulary = 20;
  schema.target_kind = kind;
  schema.target_width = 4;
  return schema;
}

/// Writes samples as one more shard of a manifest.
inline void add_shard(Manifest& manifest, const TemporaryFolder& folder,
                      const std::vector<PlainSample>& samples) {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> parents;
  std::vector<std::int32_t> targets;
  std::vector<std::int64_t> token_offsets{0};
  std::vector<std::int64_t> node_offsets{0};
  for (const PlainSample& sample : samples) {
    tokens.insert(tokens.end(), sample.tokens.begin(), sample.tokens.end());
    parents.insert(parents.end(), sample.parents.begin(), sample.parents.end());
    targets.insert(targets.end(), sample.targets.begin(), sample.targets.end());
    token_offsets.push_back(static_cast<std::int64_t>(tokens.size()));
    node_offsets.push_back(static_cast<std::int64_t>(parents.size()));
  }
  const std::string name = "r" + std::to_string(manifest.shards.size()) + ".h5";
  const Digest digest = write_ragged_shard(folder / name, manifest.schema,
                                           {.features = std::as_bytes(std::span(tokens)),
                                            .token_offsets = token_offsets,
                                            .parents = parents,
                                            .node_offsets = node_offsets,
                                            .targets = std::as_bytes(std::span(targets))});
  manifest.shards.push_back({.file = name,
                             .rows = static_cast<std::int64_t>(samples.size()),
                             .sha256 = digest,
                             .tokens = static_cast<std::int64_t>(tokens.size()),
                             .nodes = static_cast<std::int64_t>(parents.size())});
}

/// Memory for the views of some samples.
struct RaggedBuffers {
  std::vector<std::int32_t> features;
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> lengths;
  std::vector<std::int32_t> parents;
  std::vector<std::int32_t> nodes;
  SampleSchema schema;

  RaggedBuffers(const SampleSchema& of, std::size_t samples, const SampleExtent& all)
      : features(static_cast<std::size_t>(all.tokens)),
        targets(static_cast<std::size_t>(of.target_rows(static_cast<std::int64_t>(samples), all))),
        lengths(samples),
        parents(static_cast<std::size_t>(all.nodes)),
        nodes(of.form == SampleForm::tree ? samples : 0),
        schema(of) {}

  [[nodiscard]] RowViews views() {
    const auto view = [](std::vector<std::int32_t>& memory) {
      return View{memory.data(), {DType::i32, Shape{static_cast<std::int64_t>(memory.size())}}};
    };
    return {.features = view(features),
            .targets = view(targets),
            .lengths = view(lengths),
            .parents = view(parents),
            .nodes = view(nodes)};
  }

  /// Taken apart again by the lengths.
  [[nodiscard]] std::vector<PlainSample> samples() const {
    std::vector<PlainSample> apart(lengths.size());
    auto feature = features.begin();
    auto parent = parents.begin();
    auto target = targets.begin();
    for (std::size_t s = 0; s < apart.size(); ++s) {
      const std::int32_t tree = nodes.empty() ? 0 : nodes[s];
      const auto asked = schema.target_rows(1, {lengths[s], tree});
      apart[s].tokens.assign(feature, feature + lengths[s]);
      apart[s].parents.assign(parent, parent + tree);
      apart[s].targets.assign(target, target + asked);
      feature += lengths[s];
      parent += tree;
      target += asked;
    }
    return apart;
  }
};

inline SampleExtent extent_of_all(const Dataset& data, const std::vector<std::int64_t>& samples) {
  SampleExtent all{0, 0};
  for (const std::int64_t sample : samples) all += data.extent(sample);
  return all;
}

inline std::vector<PlainSample> read_samples(const Dataset& data,
                                             const std::vector<std::int64_t>& samples) {
  RaggedBuffers buffers(data.schema(), samples.size(), extent_of_all(data, samples));
  data.read(samples, buffers.views());
  return buffers.samples();
}

}  // namespace raven
