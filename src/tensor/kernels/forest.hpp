#pragma once

#include "raven/tensor/kernels/tree_lstm.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven::kernels {

/// Trees by levels: leaves first, in order, then the nodes whose deepest leaf is one below, and so
/// on. Children of inner nodes have places in the order of their parents by levels.
class Forest {
 public:
  /// @throws InputError as tree_lstm_forward() does
  Forest(const TreeShape& shape, const std::int32_t* parents, const std::int32_t* nodes);

  [[nodiscard]] std::int64_t leaves() const { return level_[1]; }
  [[nodiscard]] std::int64_t inner() const { return nodes_ - leaves(); }
  /// Taken places: those of positions without a child count.
  [[nodiscard]] std::int64_t places() const { return first_place_[inner()]; }
  [[nodiscard]] std::int64_t levels() const { return levels_; }
  /// Rows of a level are this up to that of the next.
  [[nodiscard]] std::int64_t level(std::int64_t number) const { return level_[number]; }
  [[nodiscard]] std::int64_t node(std::int64_t row) const { return order_[row]; }
  /// Places of an inner row's children are this up to that of the next row.
  [[nodiscard]] std::int64_t first_place(std::int64_t row) const {
    return first_place_[row - leaves()];
  }
  /// Node of the child at each place; -1 where a position has none.
  [[nodiscard]] const std::int32_t* children() const { return children_; }

 private:
  void climb(const TreeShape& shape, const std::int32_t* parents, const std::int32_t* nodes);
  void sort_by_levels();
  void place_children(const TreeShape& shape, const std::int32_t* parents,
                      const std::int32_t* nodes);

  std::int64_t nodes_;
  std::int64_t levels_ = 0;
  Scratch memory_;
  std::int32_t* height_;
  std::int32_t* count_;  // children
  std::int32_t* order_;
  std::int32_t* row_;
  std::int32_t* level_;
  std::int32_t* first_place_;
  std::int32_t* children_;
};

}  // namespace raven::kernels
