#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "raven/graph/graph.hpp"

namespace raven {

/// Collects the gradient of a table of which few rows were read: those rows alone, so that nobody
/// clears, adds up or sends the others. Each element is added up as in a table of zeros, in the
/// same order and so to the same bits. Threads: one at a time.
class RowSink {
 public:
  /// Begins a gradient of a table [entries, width], without rows. Memory is kept from the one
  /// before.
  void begin(std::int64_t entries, std::int64_t width);
  /// gradient[indices[i], :] += rows[i, :], for equal indices in the order of i. Runs on the
  /// threads of the pool that the caller runs in.
  /// @param padding_index is left out; -1 for none  @pre indices are in [0, entries)
  void add(std::span<const std::int32_t> indices, const float* rows, std::int32_t padding_index);

  /// Rows that something was added to.
  [[nodiscard]] std::size_t count() const { return rows_.size(); }
  [[nodiscard]] std::int64_t width() const { return width_; }
  /// Writes their numbers, rising, and their gradients in that order; then there are none any more.
  /// @pre there is room for count() numbers and count() x width() gradients
  void take(std::uint32_t* numbers, float* gradients);

 private:
  void clear();

  std::int64_t width_ = 0;
  std::vector<std::int32_t> slot_of_;   // by row of the table; -1 where nothing was added
  std::vector<std::uint64_t> touched_;  // bits, by row of the table
  std::vector<std::uint32_t> rows_;     // by slot
  std::vector<float> values_;           // by slot
  std::vector<std::int32_t> slots_;     // of the rows being added; -1 for padding
};

/// Elements from which on a table's gradient is kept by rows. A pass over fewer takes a
/// microsecond, and so does the bookkeeping that would save it.
constexpr std::int64_t least_table = 4096;

/// Whether a parameter of that type may have a gradient of some rows only: it is a large table.
[[nodiscard]] bool is_table(const ValueType& type);

/// Parameters whose gradient is kept by rows, sorted: tables that nothing reads but ops that look
/// rows up (OpDef::looked_up_input), in all fewer than half as many times as they have rows. A
/// function of the graph alone. Others are read as a whole, or so often that rows would save
/// nothing.
[[nodiscard]] std::vector<ParameterId> tables_by_rows(const Graph& graph);

}  // namespace raven
