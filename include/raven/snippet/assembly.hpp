#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "raven/core/blob.hpp"
#include "raven/core/digest.hpp"
#include "raven/graph/autobatch.hpp"

namespace raven {

/// A sample's graph as the master keeps it: its bytes, to be sent, and what has to be known to ask
/// for work on it. The graph itself takes some ten times as much memory, and only whoever computes
/// needs it.
struct RecordedSample {
  Blob bytes;
  Digest digest;               ///< of the bytes
  GraphParameters parameters;  ///< of the graph
  std::vector<std::string> metric_names;
};

/// What asking for a sample's graph gives.
struct Recording {
  std::shared_ptr<const RecordedSample> graph;
  /// The model looked at values: with other parameters it may be another graph.
  bool used_values = false;
};

/// @param bytes,digest of the graph  @throws InputError when it has statistics, which are of a
/// batch
[[nodiscard]] RecordedSample recorded_sample(const Graph& graph, Bytes bytes, const Digest& digest);

/// The graphs of a snippet's samples, for models that record one for each. It names them by digest:
/// they travel apart from it, each once. Its own digest is that of its bytes and is what
/// Snippet::graph says.
struct Assembly {
  Autobatch autobatch = Autobatch::on;
  std::vector<Digest> graphs;            ///< each once, in the order in which samples need them
  std::vector<std::uint32_t> of_sample;  ///< place in `graphs`, by sample
  /// Whose gradients are asked of every snippet of the step, sorted: where a snippet's loss does
  /// not depend on one of them, that gradient is zeros.
  std::vector<ParameterId> gradients;
};

/// Format in docs/formats/graph.md.
[[nodiscard]] Bytes encode(const Assembly& assembly);
/// None unless the bytes are what encode() writes.
[[nodiscard]] std::optional<Assembly> decode_assembly(ByteSpan bytes);

}  // namespace raven
