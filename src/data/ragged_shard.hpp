#pragma once

#include <filesystem>

#include "raven/data/shard.hpp"

namespace raven {

/// Whether the manifest's counts of rows, tokens and nodes can belong together. @throws InputError
void check_ragged_counts(const std::filesystem::path& path, const ShardExpectation& expected);

/// Checks offsets and trees of a shard as hostile input, so that everything that they lead to lies
/// in the shard and no sample is larger than a raw row may be. @pre the arrays have the sizes that
/// `expected` tells @throws InputError
void check_ragged_structure(const std::filesystem::path& path, const ShardExpectation& expected,
                            const ShardRows& shard);

}  // namespace raven
