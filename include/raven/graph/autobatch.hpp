#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "raven/graph/graph.hpp"

namespace raven {

/// Whether calls of different samples' graphs are run as one where they can be.
enum class Autobatch : std::uint8_t { off = 0, on = 1 };

/// Two hashes of 64 bits of what a call is. They never leave their process, and whoever makes two
/// calls of one operation share them on purpose gets wrong numbers, no more: join_graphs() looks
/// whether calls of one signature are alike, and what is joined is inferred again.
[[nodiscard]] std::array<std::uint64_t, 2> signature_of(ByteSpan what);

/// The graph of one sample, made ready to be joined with others. A plain value, made once for a
/// graph and used for every sample that has it.
class SampleGraph {
 public:
  /// Two hashes: equal for equal calls (or shared values), within one process.
  using Signature = std::array<std::uint64_t, 2>;
  using SignatureOf = Signature (*)(ByteSpan what);

  /// What joining knows of a node of the graph.
  struct Info {
    Signature signature{};  ///< of calls that may be one call; of a shared value, what it is
    std::uint32_t depth = 0;
    std::uint32_t waits_for = 0;    ///< calls that it depends on directly, each use counted
    std::uint64_t row_inputs = 0;   ///< OpDef::row_inputs
    std::uint32_t first_value = 0;  ///< place of its first output among all values of the graph
    /// Depends on parameters alone, so all samples have one of it.
    bool shared = false;
    bool joins = false;   ///< with others of its signature
    bool needed = false;  ///< for something that is asked
  };

  /// @throws InputError when it breaks the rules of check(), or has statistics, which are of a
  /// batch
  explicit SampleGraph(Graph graph, SignatureOf hash = signature_of);

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const Info& info(std::uint32_t node) const { return infos_[node]; }
  /// All outputs of all nodes.
  [[nodiscard]] std::uint32_t value_count() const { return value_count_; }
  /// Inputs of all nodes.
  [[nodiscard]] std::uint64_t edges() const { return edges_; }
  /// Of all that its nodes are or make.
  [[nodiscard]] std::uint64_t value_bytes() const { return value_bytes_; }
  /// Calls that wait for a node, one entry a use.
  [[nodiscard]] std::span<const std::uint32_t> users(std::uint32_t node) const {
    return {users_.data() + first_user_[node], first_user_[node + 1] - first_user_[node]};
  }
  /// Parameters that it reads, sorted.
  [[nodiscard]] std::span<const ParameterId> parameters() const { return parameters_; }

 private:
  Graph graph_;
  std::vector<Info> infos_;
  std::uint32_t value_count_ = 0;
  std::uint64_t edges_ = 0;
  std::uint64_t value_bytes_ = 0;
  std::vector<std::uint32_t> users_;
  std::vector<std::uint32_t> first_user_;
  std::vector<ParameterId> parameters_;
};

/// Parameters that what is asked of a graph depends on, and those of them that its loss learns;
/// both sorted.
struct GraphParameters {
  std::vector<ParameterId> read;
  std::vector<ParameterId> learnt;
};
/// @pre the graph keeps the rules of check()
[[nodiscard]] GraphParameters parameters_of(const Graph& graph);

/// @throws InputError when the graph has what only one of a batch can have: statistics, or a state
/// that is carried
void expect_of_sample(const Graph& graph);

/// What a joined graph may ask for at most: samples' graphs from outside must not demand all
/// memory.
struct JoinLimits {
  std::uint64_t value_bytes = GraphLimits{}.value_bytes;  ///< of what its calls make
  /// Pieces of values that rows are named by, all together. Some 50 bytes each.
  std::size_t pieces = std::size_t{1} << 24;
};

/// One graph for several samples, in order: an input has the rows of all of them one after the
/// other, and so have losses, weights, prediction and metrics. Calls of equal signature that are
/// ready at the same time are one call on concatenated rows, where that costs less than it saves.
///
/// Whose turn it is follows Neubig, Goldberg and Dyer, "On-the-fly Operation Batching in Dynamic
/// Computation Graphs" (NIPS 2017): of the signatures that have a call ready, the one whose
/// remaining calls lie least deep on average. A pure function of its arguments.
/// @pre samples is not empty
/// @throws InputError when the graphs are not of one model (other parameters, metrics or inputs),
/// or what they make together is beyond the limits
[[nodiscard]] Graph join_graphs(std::span<const std::shared_ptr<const SampleGraph>> samples,
                                Autobatch mode, const JoinLimits& limits = {});

}  // namespace raven
