#include "raven/graph/row_sink.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "dataflow.hpp"
#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

constexpr std::size_t bits = 64;

/// Columns that a task adds at least: some cache lines of each row.
constexpr std::int64_t least_columns = 64;
/// Elements that make a task worth its start.
constexpr std::int64_t task_elements = 65536;

}  // namespace

void RowSink::begin(std::int64_t entries, std::int64_t width) {
  clear();
  width_ = width;
  const auto size = static_cast<std::size_t>(entries);
  if (slot_of_.size() < size) {
    slot_of_.resize(size, -1);
    touched_.resize((size + bits - 1) / bits, 0);
  }
}

void RowSink::clear() {
  for (const std::uint32_t row : rows_) {
    slot_of_[row] = -1;
    touched_[row / bits] = 0;
  }
  rows_.clear();
  values_.clear();
}

void RowSink::add(std::span<const std::int32_t> indices, const float* rows,
                  std::int32_t padding_index) {
  slots_.clear();
  for (const std::int32_t index : indices) {
    if (index == padding_index) {
      slots_.push_back(-1);
      continue;
    }
    const auto row = static_cast<std::uint32_t>(index);
    std::int32_t& slot = slot_of_[row];
    if (slot < 0) {
      slot = static_cast<std::int32_t>(rows_.size());
      rows_.push_back(row);
      touched_[row / bits] |= std::uint64_t{1} << (row % bits);
    }
    slots_.push_back(slot);
  }
  values_.resize(rows_.size() * static_cast<std::size_t>(width_), 0.0F);
  // Tasks have columns of their own, so each element is added up in the order of the indices.
  const auto count = static_cast<std::int64_t>(indices.size());
  const std::int64_t grain =
      std::max(least_columns, task_elements / std::max<std::int64_t>(count, 1));
  parallel_ranges(width_, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t slot = slots_[static_cast<std::size_t>(i)];
      if (slot < 0) continue;
      float* to = values_.data() + slot * width_;
      const float* from = rows + i * width_;
      for (std::int64_t c = first; c < last; ++c) to[c] += from[c];
    }
  });
}

void RowSink::take(std::uint32_t* numbers, float* gradients) {
  const auto row_size = static_cast<std::size_t>(width_);
  for (std::size_t word = 0; word < touched_.size(); ++word) {
    for (std::uint64_t left = touched_[word]; left != 0; left &= left - 1) {
      const std::size_t row = word * bits + static_cast<std::size_t>(std::countr_zero(left));
      const auto slot = static_cast<std::size_t>(slot_of_[row]);
      *numbers++ = static_cast<std::uint32_t>(row);
      std::memcpy(gradients, values_.data() + slot * row_size, row_size * sizeof(float));
      gradients += row_size;
    }
  }
  clear();
}

bool is_table(const ValueType& type) {
  return type.dtype == DType::f32 && type.shape.rank() == 2 && type.shape.count() >= least_table;
}

std::vector<ParameterId> tables_by_rows(const Graph& graph) {
  constexpr std::int64_t whole = -1;
  std::map<std::uint32_t, std::int64_t> lookups;  // by node of a table; `whole`: read otherwise
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const bool learns = node.kind == Node::Kind::parameter && node.trainable;
    if (learns && is_table(node.outputs.front())) lookups[n] = 0;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const auto table = lookups.find(node.inputs[k].node);
      if (table == lookups.end() || table->second == whole) continue;
      const bool looked_up = node.op->looked_up_input == static_cast<std::int8_t>(k);
      const std::int64_t width = graph.nodes[table->first].outputs.front().shape[1];
      table->second =
          looked_up ? table->second + node.outputs.front().shape.count() / width : whole;
    }
  }
  for_each_asked(graph, [&](ValueRef value) {
    const auto table = lookups.find(value.node);
    if (table != lookups.end()) table->second = whole;
  });
  std::vector<ParameterId> found;
  for (const auto& [n, count] : lookups) {
    const Node& table = graph.nodes[n];
    if (count != whole && 2 * count < table.outputs.front().shape[0]) {
      found.push_back({table.slot});
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace raven
