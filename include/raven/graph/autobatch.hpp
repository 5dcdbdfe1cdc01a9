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

/// The graph of one sample, made ready to be joined with others. A plain value, made once for a
/// graph and used for every sample that has it.
class SampleGraph {
 public:
  /// Two hashes: equal for equal calls (or shared values), within one process.
  using Signature = std::array<std::uint64_t, 2>;

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
  explicit SampleGraph(Graph graph);

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const Info& info(std::uint32_t node) const { return infos_[node]; }
  /// All outputs of all nodes.
  [[nodiscard]] std::uint32_t value_count() const { return value_count_; }
  /// Calls that wait for a node, one entry a use.
  [[nodiscard]] std::span<const std::uint32_t> users(std::uint32_t node) const {
    return {users_.data() + first_user_[node], first_user_[node + 1] - first_user_[node]};
  }
  /// Parameters that it reads, and those that its loss depends on, both sorted.
  [[nodiscard]] std::span<const ParameterId> parameters() const { return parameters_; }
  [[nodiscard]] std::span<const ParameterId> gradients() const { return gradients_; }

 private:
  Graph graph_;
  std::vector<Info> infos_;
  std::uint32_t value_count_ = 0;
  std::vector<std::uint32_t> users_;
  std::vector<std::uint32_t> first_user_;
  std::vector<ParameterId> parameters_;
  std::vector<ParameterId> gradients_;
};

/// One graph for several samples, in order: an input has the rows of all of them one after the
/// other, and so have losses, weights, prediction and metrics. Calls of equal signature that are
/// ready at the same time are one call on concatenated rows, where that costs less than it saves.
///
/// Whose turn it is follows Neubig, Goldberg and Dyer, "On-the-fly Operation Batching in Dynamic
/// Computation Graphs" (NIPS 2017): of the signatures that have a call ready, the one whose
/// remaining calls lie least deep on average. A pure function of its arguments.
/// @pre samples is not empty
/// @throws InputError when the graphs are not of one model: other parameters, metrics or inputs
[[nodiscard]] Graph join_graphs(std::span<const std::shared_ptr<const SampleGraph>> samples,
                                Autobatch mode);

}  // namespace raven
