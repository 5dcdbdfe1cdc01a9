#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/data/sampler.hpp"
#include "raven/data/schema.hpp"
#include "raven/graph/graph.hpp"
#include "raven/snippet/gradient.hpp"
#include "raven/snippet/snippet.hpp"
#include "raven/tensor/numerics.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

// What master and contributors say to each other. Every struct is one message;
// docs/formats/protocol.md has the picture. Decoding trusts nothing: lists are bounded by the bytes
// at hand, bodies are checked by whoever knows what to expect. Every head ends with a checksum of
// itself.

constexpr std::uint32_t protocol_version = 9;

/// Tensors that a model may have: their versions go with every lease, in its head.
constexpr std::size_t max_parameters = 4000;

/// Contributor to master, first of all.
struct Hello {
  std::uint32_t protocol = protocol_version;
  NumericsClass numerics;  ///< equal means equal bits
  std::string node;
  std::uint64_t pid = 0;
  std::uint32_t threads = 1;
};

/// A data set that work may refer to by its place in Welcome::datasets.
struct DatasetOffer {
  std::string manifest;  ///< absolute path, for whoever shares the file system
  Digest identity;       ///< Manifest::identity()
  std::int64_t rows = 0;
  SampleSchema schema;
};

/// Master to contributor: the constants of the run; the body is a RunOffer.
struct Welcome {
  std::uint64_t seed = 0;
  std::int64_t batch = 1;
  SampleOrder order = SampleOrder::shuffled;
  /// Numbers of state that go on from a window to the next one of its lane; only with
  /// SampleOrder::streams. 0: none.
  std::uint32_t carried = 0;
  std::chrono::milliseconds heartbeat{500};
  std::chrono::milliseconds lost_after{4000};
  std::uint64_t cache_bytes = 0;   ///< memory for shards
  std::uint32_t snippets = 1;      ///< pieces of a batch
  std::uint32_t contributors = 1;  ///< that are here, with the one who is greeted
  /// Of this master's life: who comes back within it still has what it was sent. Zeros: nobody has.
  Digest session = {};
};

/// What the run is about: as long as its model is deep and its data wide, so it is a body.
struct RunOffer {
  std::vector<DatasetOffer> datasets;  ///< train, then valid if there is one
  std::vector<ValueType> parameters;   ///< type of every parameter, by ParameterId
};

/// Contributor to master: can be given work.
struct Ready {
  std::vector<std::uint8_t> readable;  ///< per data set: 1 when its shards can be opened here
  std::vector<Digest> graphs = {};     ///< that it has from before, at most max_graphs
  /// Versions that it has from before, by ParameterId, no_version for none; empty: it has none.
  std::vector<std::uint64_t> versions = {};

  static constexpr std::size_t max_graphs = 512;
  static constexpr std::uint64_t no_version = ~std::uint64_t{0};
};

/// Master to contributor; the body is the graph's bytes. Sent once per contributor and graph.
struct GraphMessage {
  Digest digest;
};

/// Master to contributor; the body is an Assembly of graphs sent before. It lasts until the first
/// lease of later work.
struct AssemblyMessage {
  Digest digest;
  std::uint64_t work = 0;
};

/// Master to contributor: forget all graphs that you were sent; what is needed is sent again.
struct ForgetGraphs {};

/// Master to contributor; the body is the tensor. Sent only when the contributor's version is
/// older.
struct ParameterMessage {
  ParameterId id;
  std::uint64_t version = 0;
};

/// Master to contributor; the body is a RowGradient's, but of new values: what of a table differs
/// from the version that the contributor has.
struct RowsMessage {
  ParameterId id;
  std::uint64_t from = 0;
  std::uint64_t version = 0;
};

/// Master to contributor: compute this subtree. The body holds, of a model that carries a state,
/// what each of its rows goes on from, f32 [rows, Welcome::carried]; then, with `inline_rows`, its
/// raw rows, else the numbers of its samples, or nothing where they follow from the welcome.
struct Lease {
  std::uint64_t work = 0;
  Purpose purpose = Purpose::train;
  /// Of the run; of an evaluation in streams: of the evaluation, from 0.
  std::uint64_t step = 0;
  std::uint32_t dataset = 0;
  bool inline_rows = false;
  SnippetRange node;
  SnippetRange root;
  std::vector<Snippet> snippets;
  std::vector<std::uint64_t> versions;  ///< of every parameter, by ParameterId

  /// So that the head of the message stays well below Transport::max_head_bytes.
  static constexpr std::uint32_t max_snippets = 256;
};

/// Contributor to master, after a snippet's forward pass; the body holds its statistics one after
/// the other, then the state that its rows' next windows go on from.
struct StatsMessage {
  std::uint64_t work = 0;
  SnippetRange node;
  std::uint32_t index = 0;
  double loss = 0;
  double weight = 0;
  std::vector<double> metrics;
};

/// Contributor to master; the body is the gradient, added up over the node, in the form it says.
struct GradientMessage {
  std::uint64_t work = 0;
  SnippetRange node;
  ParameterId parameter;
  /// Said by gateways only: the gradient came, without a body, and will be part of a SumMessage.
  bool withheld = false;
  Gradient::Form form = Gradient::Form::dense;
};

/// Gateway to master; the body is the sum of gradients that were withheld. `node` is all of their
/// snippets.
struct SumMessage {
  std::uint64_t work = 0;
  SnippetRange node;
  ParameterId parameter;
  Gradient::Form form = Gradient::Form::dense;
};

/// Master to gateway: do not wait for further gradients, send the sums that there are.
struct SendOn {
  std::uint64_t work = 0;
};

/// Contributor to master: all of a lease has been sent.
struct DoneMessage {
  std::uint64_t work = 0;
  SnippetRange node;
  std::uint64_t compute_ns = 0;  ///< sum over snippets
  std::uint64_t elapsed_ns = 0;  ///< without what went to other leases meanwhile
};

/// Contributor to master: the lease can't be done here.
struct FailedMessage {
  std::uint64_t work = 0;
  SnippetRange node;
  std::string reason;
};

/// Either way: still here.
struct Heartbeat {};

/// Contributor to master: wants to go. It is given nothing new and told to go (Finish) once it has
/// handed in what it holds; should it vanish before, that goes to others.
struct Leave {
  std::string reason;
};

/// Master to contributor: the run is over, or you can't take part.
struct Finish {
  bool refused = false;
  std::string reason;
};

using AnyMessage =
    std::variant<Hello, Welcome, Ready, GraphMessage, ParameterMessage, Lease, StatsMessage,
                 GradientMessage, DoneMessage, FailedMessage, Heartbeat, Finish, Leave, SumMessage,
                 SendOn, AssemblyMessage, ForgetGraphs, RowsMessage>;

[[nodiscard]] Message encode(const AnyMessage& message, Blob body = {});
/// None when the head is malformed or not as it was sent.
[[nodiscard]] std::optional<AnyMessage> decode(ByteSpan head);
[[nodiscard]] Blob encode(const RunOffer& offer);
/// None when the body is malformed or not as it was sent.
[[nodiscard]] std::optional<RunOffer> decode_offer(ByteSpan body);

}  // namespace raven
