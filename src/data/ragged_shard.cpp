#include "data/ragged_shard.hpp"

#include <string>

#include "data/ragged_rows.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& problem) {
  throw InputError({path.string()}, problem,
                   "make the shard again, for instance with raven data import");
}

/// @param what the offsets are of: "token" or "node"
void check_offsets(const std::filesystem::path& path, const char* what,
                   std::span<const std::int64_t> offsets, std::int64_t all) {
  if (offsets.front() != 0) {
    refuse(path, std::string("the first sample does not begin at ") + what + " 0");
  }
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    // In this order nothing overflows, whatever the numbers are.
    if (offsets[i] > all || offsets[i] <= offsets[i - 1]) {
      refuse(path, "sample " + std::to_string(i - 1) + " goes from " + what + " " +
                       std::to_string(offsets[i - 1]) + " to " + std::to_string(offsets[i]) +
                       ", which is not one or more of the " + std::to_string(all));
    }
  }
  if (offsets.back() != all) {
    refuse(path, std::string("the samples end at ") + what + " " + std::to_string(offsets.back()) +
                     " of " + std::to_string(all));
  }
}

}  // namespace

void check_ragged_counts(const std::filesystem::path& path, const ShardExpectation& expected) {
  const bool tree = expected.schema.form == SampleForm::tree;
  // Each sample has a token, and each token of a tree is a node.
  if (expected.tokens < expected.rows || (tree && expected.nodes < expected.tokens)) {
    refuse(path, std::to_string(expected.rows) + " samples can't have " +
                     std::to_string(expected.tokens) + " tokens" +
                     (tree ? " and " + std::to_string(expected.nodes) + " nodes" : "") +
                     " together");
  }
}

void check_ragged_structure(const std::filesystem::path& path, const ShardExpectation& expected,
                            const ShardRows& shard) {
  const bool tree = expected.schema.form == SampleForm::tree;
  check_offsets(path, "token", shard.token_offsets, expected.tokens);
  if (tree) check_offsets(path, "node", shard.node_offsets, expected.nodes);
  for (std::int64_t row = 0; row < shard.rows; ++row) {
    const SampleExtent extent = shard.extent_of(row);
    if (expected.schema.row_bytes(extent) > SampleSchema::max_row_bytes) {
      refuse(path, "sample " + std::to_string(row) + " takes more than 256 MiB");
    }
    if (tree && leaves_of(shard.parents_of(row), extent.nodes) != extent.tokens) {
      refuse(path, "sample " + std::to_string(row) + ": its " + std::to_string(extent.nodes) +
                       " nodes are no tree in postorder with a leaf for each of its " +
                       std::to_string(extent.tokens) + " tokens");
    }
  }
}

}  // namespace raven
