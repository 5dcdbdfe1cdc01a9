#pragma once

#include <hdf5.h>

#include <cstdint>
#include <vector>

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
  hid_t file_type;
  std::size_t element_bytes;
  std::vector<hsize_t> dims;

  [[nodiscard]] std::size_t bytes() const {
    std::size_t product = element_bytes;
    for (const hsize_t dim : dims) product *= static_cast<std::size_t>(dim);
    return product;
  }
};

/// Of so many samples; of ragged data: tokens. Only under Hdf5Lock (the library's type identifiers
/// are run-time values).
[[nodiscard]] inline ShardArray features_array(const SampleSchema& schema, std::int64_t rows) {
  ShardArray array{schema.ragged() ? tokens_dataset : features_dataset,
                   H5T_STD_U8LE,
                   bytes_of(schema.feature_type),
                   {}};
  if (schema.feature_type == FeatureType::f32) array.file_type = H5T_IEEE_F32LE;
  if (schema.feature_type == FeatureType::i32) array.file_type = H5T_STD_I32LE;
  array.dims.push_back(static_cast<hsize_t>(rows));
  for (const std::int64_t dim : schema.feature_shape)
    array.dims.push_back(static_cast<hsize_t>(dim));
  return array;
}

[[nodiscard]] inline ShardArray targets_array(const SampleSchema& schema, std::int64_t rows) {
  if (schema.target_kind != TargetKind::real) {
    return {targets_dataset, H5T_STD_I32LE, 4, {static_cast<hsize_t>(rows)}};
  }
  return {targets_dataset,
          H5T_IEEE_F32LE,
          4,
          {static_cast<hsize_t>(rows), static_cast<hsize_t>(schema.target_width)}};
}

/// The two datasets of a shard of sequences of which samples are windows.
[[nodiscard]] inline ShardArray tokens_array(std::int64_t tokens) {
  return {tokens_dataset, H5T_STD_I32LE, 4, {static_cast<hsize_t>(tokens)}};
}
[[nodiscard]] inline ShardArray offsets_array(std::int64_t sequences) {
  return {offsets_dataset, H5T_STD_I64LE, 8, {static_cast<hsize_t>(sequences) + 1}};
}

/// The nodes of trees.
[[nodiscard]] inline ShardArray parents_array(std::int64_t nodes) {
  return {parents_dataset, H5T_STD_I32LE, 4, {static_cast<hsize_t>(nodes)}};
}
[[nodiscard]] inline ShardArray node_offsets_array(std::int64_t trees) {
  return {node_offsets_dataset, H5T_STD_I64LE, 8, {static_cast<hsize_t>(trees) + 1}};
}

}  // namespace raven
