#pragma once

#include "raven/data/manifest.hpp"
#include "raven/data/shard.hpp"

namespace raven {

/// Turns the rows of a shard, as stored, into those of the data set that they are taken for:
/// columns and classes in its order, zeros (tags: none) where there are no targets.
/// @param wanted what the rows are taken for @param all tokens and nodes of ragged data
void map_rows(const RowMapping& mapping, const SampleSchema& wanted, const SampleExtent& all,
              ShardRows& shard);

}  // namespace raven
