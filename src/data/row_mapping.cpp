#include "data/row_mapping.hpp"

#include <cstring>
#include <vector>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

/// @param rows of features: samples, or tokens of ragged data
void permute_columns(std::span<const std::int32_t> columns, std::size_t element_size,
                     std::size_t rows, std::byte* values) {
  const std::size_t row_size = columns.size() * element_size;
  std::vector<std::byte> stored(row_size);
  for (std::size_t row = 0; row < rows; ++row, values += row_size) {
    std::memcpy(stored.data(), values, row_size);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto from = static_cast<std::size_t>(columns[i]);
      std::memcpy(values + i * element_size, stored.data() + from * element_size, element_size);
    }
  }
}

void renumber_classes(std::span<const std::int32_t> classes, std::size_t count,
                      std::byte* targets) {
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t target = 0;
    std::memcpy(&target, targets + 4 * i, 4);
    if (target == SampleSchema::no_target) continue;
    target = classes[static_cast<std::size_t>(target)];  // a shard's classes were checked
    std::memcpy(targets + 4 * i, &target, 4);
  }
}

/// Targets that nobody reads: classes and numbers of 0, tags that ask for nothing.
void make_targets(const SampleSchema& wanted, std::size_t count, ShardRows& shard) {
  shard.target_bytes = wanted.target_bytes();
  const std::size_t bytes = count * shard.target_bytes;
  shard.targets = std::make_unique<std::byte[]>(bytes);
  shard.bytes += bytes;
  if (wanted.target_kind != TargetKind::tags) return;
  shard.target_of =
      wanted.form == SampleForm::tree ? ShardRows::TargetOf::node : ShardRows::TargetOf::token;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(shard.targets.get() + 4 * i, &SampleSchema::no_target, 4);
  }
}

}  // namespace

void map_rows(const RowMapping& mapping, const SampleSchema& wanted, const SampleExtent& all,
              ShardRows& shard) {
  const auto samples = static_cast<std::size_t>(shard.rows);
  const std::size_t rows = wanted.ragged() ? static_cast<std::size_t>(all.tokens) : samples;
  if (!mapping.columns.empty()) {
    permute_columns(mapping.columns, bytes_of(wanted.feature_type), rows, shard.features.get());
  }
  if (wanted.of_sequences()) return;
  const auto targets = static_cast<std::size_t>(wanted.target_rows(shard.rows, all));
  if (!mapping.stored.has_targets()) {
    if (wanted.has_targets()) make_targets(wanted, targets, shard);
  } else if (!mapping.classes.empty()) {
    renumber_classes(mapping.classes, targets, shard.targets.get());
  }
}

}  // namespace raven
