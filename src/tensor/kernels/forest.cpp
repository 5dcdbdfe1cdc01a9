#include "tensor/kernels/forest.hpp"

#include <string>

#include "raven/core/error.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

[[noreturn]] void reject(const std::string& problem, const char* remedy) {
  throw InputError("tree_lstm: " + problem, remedy);
}

}  // namespace

Forest::Forest(const TreeShape& shape, const std::int32_t* parents, const std::int32_t* nodes)
    : nodes_(shape.nodes), memory_(as_size(6 * shape.nodes + shape.places() + 3)) {
  height_ = reinterpret_cast<std::int32_t*>(memory_.data());
  count_ = height_ + nodes_;
  order_ = count_ + nodes_;
  row_ = order_ + nodes_;
  level_ = row_ + nodes_;
  first_place_ = level_ + nodes_ + 2;
  children_ = first_place_ + nodes_ + 1;
  climb(shape, parents, nodes);
  sort_by_levels();
  if (shape.leaves > 0 && leaves() != shape.leaves) {
    reject("the trees have " + std::to_string(leaves()) + " leaves, but there are " +
               std::to_string(shape.leaves) + " rows of input",
           "give each leaf a row");
  }
  place_children(shape, parents, nodes);
}

/// Heights and numbers of children. In postorder the children of a node are what is left on a stack
/// above its other subtrees' siblings.
void Forest::climb(const TreeShape& shape, const std::int32_t* parents, const std::int32_t* nodes) {
  std::int32_t* stack = order_;  // not in use yet
  std::int64_t first = 0;
  for (std::int64_t tree = 0; tree < shape.trees; ++tree) {
    const std::int64_t count = nodes[tree];
    if (count < 1 || count > nodes_ - first) {
      reject("tree " + std::to_string(tree) + " has " + std::to_string(count) + " of the " +
                 std::to_string(nodes_) + " nodes",
             "let each have at least 1, and all together as many as there are parents");
    }
    std::int64_t waiting = 0;
    for (std::int64_t node = 0; node < count; ++node) {
      std::int32_t height = 0;
      std::int32_t children = 0;
      while (waiting > 0 && parents[first + stack[waiting - 1]] == node) {
        --waiting;
        height = std::max(height, height_[first + stack[waiting]] + 1);
        ++children;
      }
      height_[first + node] = height;
      count_[first + node] = children;
      stack[waiting++] = static_cast<std::int32_t>(node);
      if (shape.positions > 0 && children > shape.positions) {
        reject("node " + std::to_string(node) + " of tree " + std::to_string(tree) + " has " +
                   std::to_string(children) + " children",
               "use a cell of that many positions, or one that adds children up");
      }
    }
    if (waiting != 1 || parents[first + count - 1] != -1) {
      reject(
          "the parents of tree " + std::to_string(tree) + " are not those of a tree in postorder",
          "number nodes so that the subtrees of a node come right before it, the root last, with "
          "parent -1");
    }
    first += count;
  }
  if (first != nodes_) {
    reject("the trees have " + std::to_string(first) + " nodes, but there are " +
               std::to_string(nodes_) + " parents",
           "give each node a parent");
  }
}

void Forest::sort_by_levels() {
  std::fill_n(level_, nodes_ + 2, 0);
  for (std::int64_t node = 0; node < nodes_; ++node) {
    ++level_[height_[node] + 1];
    levels_ = std::max<std::int64_t>(levels_, height_[node] + 1);
  }
  for (std::int64_t i = 0; i < levels_; ++i) level_[i + 1] += level_[i];
  // first_place_ is not in use yet.
  std::copy_n(level_, levels_, first_place_);
  for (std::int64_t node = 0; node < nodes_; ++node) {
    row_[node] = first_place_[height_[node]]++;
    order_[row_[node]] = static_cast<std::int32_t>(node);
  }
}

void Forest::place_children(const TreeShape& shape, const std::int32_t* parents,
                            const std::int32_t* nodes) {
  first_place_[0] = 0;
  for (std::int64_t i = 0; i < inner(); ++i) {
    const auto places = shape.positions > 0 ? static_cast<std::int32_t>(shape.positions)
                                            : count_[order_[leaves() + i]];
    first_place_[i + 1] = first_place_[i] + places;
  }
  std::fill_n(children_, places(), -1);
  std::fill_n(count_, nodes_, 0);
  std::int64_t first = 0;
  for (std::int64_t tree = 0; tree < shape.trees; ++tree) {
    for (std::int64_t node = first; node < first + nodes[tree]; ++node) {
      if (parents[node] < 0) continue;
      const std::int64_t parent = first + parents[node];
      children_[first_place(row_[parent]) + count_[parent]++] = static_cast<std::int32_t>(node);
    }
    first += nodes[tree];
  }
}

}  // namespace raven::kernels
