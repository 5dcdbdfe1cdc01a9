#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "raven/cluster/contributor.hpp"
#include "raven/graph/plan.hpp"
#include "raven/snippet/assembly.hpp"

namespace raven {

/// A snippet's graphs, by sample.
struct KeptAssembly {
  std::uint64_t work = 0;
  Autobatch autobatch = Autobatch::on;
  std::vector<std::shared_ptr<const SampleGraph>> samples;
  std::vector<ParameterId> parameters;  ///< that it takes to compute it, sorted
  std::vector<ParameterId> gradients;
};

/// Graphs and assemblies that a contributor was sent, kept within limits. What comes is checked;
/// functions that take something in return why not, empty when they did.
class GraphStore {
 public:
  [[nodiscard]] std::string add_graph(const Digest& digest, const Blob& bytes, OpRows ops,
                                      const ContributorLimits& limits);
  /// @param parameters how many the run has
  [[nodiscard]] std::string add_assembly(const AssemblyMessage& message, const Blob& bytes,
                                         std::size_t parameters, const ContributorLimits& limits);

  void forget_graphs();
  /// Keeps those that were used last, at most so many; none when they take more than so many bytes.
  void forget_older_graphs(std::size_t most, std::size_t most_bytes);
  /// Those of work before this.
  void forget_assemblies(std::uint64_t before);

  /// Null when there is none.
  [[nodiscard]] std::shared_ptr<const KeptAssembly> assembly(const Digest& digest) const;
  [[nodiscard]] bool has_graph(const Digest& digest) const { return graphs_.contains(digest); }
  [[nodiscard]] std::vector<Digest> graphs() const;
  /// Made when first asked for. @pre has_graph() @throws InputError when it can't be planned
  [[nodiscard]] const std::shared_ptr<const Plan>& plan(const Digest& digest,
                                                        Plan::Purpose purpose);

 private:
  struct KeptGraph {
    std::shared_ptr<const Plan> training;
    std::shared_ptr<const Plan> inference;
    std::shared_ptr<const Graph> graph;
    std::shared_ptr<const SampleGraph> sample;  ///< once an assembly needs it
    std::size_t bytes = 0;                      ///< as it came
    std::uint64_t used = 0;                     ///< when, as uses_ was then
  };

  std::unordered_map<Digest, KeptGraph, DigestHash> graphs_;
  std::unordered_map<Digest, std::shared_ptr<const KeptAssembly>, DigestHash> assemblies_;
  std::size_t graph_bytes_ = 0;
  std::size_t samples_ = 0;  ///< of all assemblies
  std::uint64_t uses_ = 0;
};

}  // namespace raven
