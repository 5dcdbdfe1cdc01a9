#pragma once

#include <cstdint>

#include "raven/tensor/tensor.hpp"

namespace raven {

/// Where what some samples are made of is put, each view as large as they need. A view without data
/// is not wanted.
///
/// The last three tell of ragged data where a sample ends, all i32: there a row of features is a
/// token, and samples stand one after the other.
struct RowViews {
  View features{};
  View targets{};
  View lengths{};  ///< [samples]: tokens (of a tree: leaves) of each
  View parents{};  ///< [nodes], trees: in postorder, the parent's number in its own tree; root: -1
  View nodes{};    ///< [samples], trees: nodes of each
};

/// What a sample of ragged data takes; of other data it is one row.
struct SampleExtent {
  std::int64_t tokens = 1;  ///< rows of features (of a tree: leaves)
  std::int64_t nodes = 0;   ///< of a tree

  SampleExtent& operator+=(const SampleExtent& other) {
    tokens += other.tokens;
    nodes += other.nodes;
    return *this;
  }
  friend bool operator==(const SampleExtent&, const SampleExtent&) = default;
};

}  // namespace raven
