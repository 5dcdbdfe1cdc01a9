#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "raven/core/bytes.hpp"
#include "raven/data/row_views.hpp"
#include "raven/data/schema.hpp"

namespace raven {

/// The parts of one sample of ragged data where they lie, at any address.
struct RaggedRow {
  SampleExtent extent;
  const std::byte* features = nullptr;
  const std::byte* parents = nullptr;  ///< trees
  const std::byte* targets = nullptr;
  std::size_t bytes = 0;  ///< as a raw row
};

/// The raw row that `rows` begins with. None when its counts go beyond the bytes at hand, or make
/// no sample. What the row holds is not looked at. @pre schema.ragged()
[[nodiscard]] std::optional<RaggedRow> first_ragged_row(const SampleSchema& schema, ByteSpan rows);

/// Bytes of so many raw rows, `all` being their extents added up.
[[nodiscard]] inline std::size_t raw_bytes_of(const SampleSchema& schema, std::int64_t samples,
                                              const SampleExtent& all) {
  const std::size_t heads = schema.form == SampleForm::tree ? 8 : 4;
  return static_cast<std::size_t>(samples) * heads +
         static_cast<std::size_t>(all.tokens) * schema.feature_bytes() +
         static_cast<std::size_t>(all.nodes) * 4 +
         static_cast<std::size_t>(schema.target_rows(samples, all)) * schema.target_bytes();
}

/// Writes row.bytes bytes.
void write_ragged_row(const SampleSchema& schema, const RaggedRow& row, std::byte* to);

/// Leaves of the tree whose nodes have these parents; 0 when they are no tree in postorder. Takes
/// no memory and time in proportion to the nodes.
[[nodiscard]] std::int64_t leaves_of(const std::byte* parents, std::int64_t nodes);

/// The tags are classes or none, the class is one, token ids are in the vocabulary, and a tree has
/// as many leaves as tokens.
[[nodiscard]] bool sound_ragged_row(const SampleSchema& schema, const RaggedRow& row);

/// Whether the views that are there have the types of so many samples, `all` being their extents
/// added up.
[[nodiscard]] bool views_fit(const SampleSchema& schema, std::int64_t samples,
                             const SampleExtent& all, const RowViews& views);

/// A sample's place among those that are put into views together.
struct RaggedCursor {
  std::int64_t sample = 0;
  std::int64_t target = 0;
  SampleExtent before{0, 0};

  void pass(const SampleSchema& schema, const SampleExtent& extent) {
    ++sample;
    target += schema.target_rows(1, extent);
    before += extent;
  }
};

/// Puts a row to its place in the views that are there. @pre they fit
void put_ragged_row(const Unpacker& unpacker, const RaggedRow& row, const RaggedCursor& at,
                    const RowViews& to);

}  // namespace raven
