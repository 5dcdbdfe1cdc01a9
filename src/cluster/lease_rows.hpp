#pragma once

#include <optional>
#include <vector>

#include "raven/cluster/contributor.hpp"
#include "raven/cluster/protocol.hpp"
#include "raven/snippet/executor.hpp"

namespace raven {

// What a contributor's work is done on: rows of shards or rows that came with the lease, and the
// states that they go on from.

/// Finds a data set's batches as the master does.
[[nodiscard]] Sampler sampler_of(const Welcome& welcome, const DatasetOffer& data);

/// Positions in the batch that snippets of a lease may have lie below this.
[[nodiscard]] std::int64_t most_rows_of(const Lease& lease, const Welcome& welcome,
                                        const DatasetOffer& data);

/// The body of a lease, taken apart. Both may be empty.
struct LeaseBody {
  std::vector<Tensor> states;  ///< f32 [rows, carried], of each snippet
  Blob rows;                   ///< raw, or numbers of samples
};

/// @param carried numbers of state that each row goes on from
/// @return none when the body is too short for the states
/// @pre the lease has snippets, each with a row or more
[[nodiscard]] std::optional<LeaseBody> take_apart(const Lease& lease, std::uint32_t carried,
                                                  const Blob& body);

/// Rows that came with the work, handed to each snippet by its place in the lease.
/// @param ends of the rows
[[nodiscard]] RowReader reader_of_inline_rows(const Lease& lease, const SampleSchema& schema,
                                              const Blob& rows, std::vector<std::size_t> ends);

/// Numbers of samples that came with the work. None unless they are so many of a data set of
/// `size`.
[[nodiscard]] std::optional<std::vector<std::int64_t>> numbers_of(const Blob& rows,
                                                                  std::int64_t count,
                                                                  std::int64_t size);

/// Rows that are read here.
/// @param rows numbers of the lease's samples, or nothing
[[nodiscard]] RowReader reader_of_shards(const Lease& lease, const Welcome& welcome,
                                         const DatasetOffer& data, const Blob& rows,
                                         SampleSource source);

}  // namespace raven
