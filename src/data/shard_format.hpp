#pragma once

#include <cstdint>
#include <vector>

#include "data/hdf5_messages.hpp"
#include "raven/data/schema.hpp"

namespace raven {

// The names and types of docs/formats/shard.md, for the writer and the reader alike.
inline constexpr char shard_version_attribute[] = "raven_shard";
inline constexpr std::int32_t shard_version = 1;
inline constexpr char features_dataset[] = "features";
inline constexpr char targets_dataset[] = "targets";
inline constexpr char tokens_dataset[] = "tokens";
inline constexpr char offsets_dataset[] = "offsets";
inline constexpr char parents_dataset[] = "parents";
inline constexpr char node_offsets_dataset[] = "node_offsets";

/// One of the datasets of a shard: what it must be.
struct ShardArray {
  const char* name;
  Hdf5Element element;
  std::vector<std::uint64_t> dims;

  [[nodiscard]] std::size_t element_bytes() const {
    if (element == Hdf5Element::u8) return 1;
    return element == Hdf5Element::i64 ? 8 : 4;
  }
  [[nodiscard]] std::size_t bytes() const {
    std::size_t product = element_bytes();
    for (const std::uint64_t dim : dims) product *= static_cast<std::size_t>(dim);
    return product;
  }
};

/// Of so many samples; of ragged data: tokens.
[[nodiscard]] inline ShardArray features_array(const SampleSchema& schema, std::int64_t rows) {
  ShardArray array{schema.ragged() ? tokens_dataset : features_dataset, Hdf5Element::u8, {}};
  if (schema.feature_type == FeatureType::f32) array.element = Hdf5Element::f32;
  if (schema.feature_type == FeatureType::i32) array.element = Hdf5Element::i32;
  array.dims.push_back(static_cast<std::uint64_t>(rows));
  for (const std::int64_t dim : schema.feature_shape)
    array.dims.push_back(static_cast<std::uint64_t>(dim));
  return array;
}

[[nodiscard]] inline ShardArray targets_array(const SampleSchema& schema, std::int64_t rows) {
  if (schema.target_kind != TargetKind::real) {
    return {targets_dataset, Hdf5Element::i32, {static_cast<std::uint64_t>(rows)}};
  }
  return {targets_dataset,
          Hdf5Element::f32,
          {static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(schema.target_width)}};
}

/// The two datasets of a shard of sequences of which samples are windows.
[[nodiscard]] inline ShardArray tokens_array(std::int64_t tokens) {
  return {tokens_dataset, Hdf5Element::i32, {static_cast<std::uint64_t>(tokens)}};
}
[[nodiscard]] inline ShardArray offsets_array(std::int64_t sequences) {
  return {offsets_dataset, Hdf5Element::i64, {static_cast<std::uint64_t>(sequences) + 1}};
}

/// The nodes of trees.
[[nodiscard]] inline ShardArray parents_array(std::int64_t nodes) {
  return {parents_dataset, Hdf5Element::i32, {static_cast<std::uint64_t>(nodes)}};
}
[[nodiscard]] inline ShardArray node_offsets_array(std::int64_t trees) {
  return {node_offsets_dataset, Hdf5Element::i64, {static_cast<std::uint64_t>(trees) + 1}};
}

}  // namespace raven
