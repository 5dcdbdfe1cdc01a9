#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "raven/data/shard.hpp"

namespace raven {

/// Whether the manifest's counts of rows, sequences and tokens can belong together, so that what
/// they make memory be taken for is bounded by the rows. @throws InputError
void check_counts(const std::filesystem::path& path, const ShardExpectation& expected);

/// Bytes of the two datasets of a shard of sequences. @pre check_counts() passed
[[nodiscard]] std::size_t stored_bytes_of_sequences(const ShardExpectation& expected);

/// Checks offsets and tokens as hostile input and cuts each sequence into windows of context + 1
/// tokens that overlap by one: the raw rows of schema.hpp, in order, and where sequences start.
/// @param tokens,offsets the datasets as stored, of the sizes that `expected` tells
/// @throws InputError
void cut_windows(const std::filesystem::path& path, const ShardExpectation& expected,
                 const std::byte* tokens, const std::byte* offsets, ShardRows& to);

}  // namespace raven
