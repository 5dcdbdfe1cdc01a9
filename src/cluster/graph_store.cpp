#include "cluster/graph_store.hpp"

#include <algorithm>

#include "raven/core/error.hpp"

namespace raven {
namespace {

using Distinct = std::vector<std::shared_ptr<const SampleGraph>>;

/// Whether graphs of samples can be joined within the limits, and what comes of it computed.
bool is_bearable(const Assembly& assembly, const Distinct& graphs,
                 const ContributorLimits& limits) {
  std::uint64_t nodes = 0;
  std::uint64_t edges = 0;
  std::uint64_t bytes = 0;
  for (const std::uint32_t place : assembly.of_sample) {
    const SampleGraph& sample = *graphs[place];
    nodes += sample.graph().nodes.size();
    edges += sample.edges();
    bytes += sample.value_bytes();  // of a decoded graph: no more than GraphLimits allows
    if (nodes > limits.nodes || edges > limits.edges || bytes > limits.value_bytes) return false;
  }
  return true;
}

}  // namespace

std::string GraphStore::add_graph(const Digest& digest, const Blob& bytes, OpRows ops,
                                  const ContributorLimits& limits) {
  if (digest_of(bytes.bytes()) != digest) return "the master sent a damaged graph";
  if (graphs_.contains(digest)) return {};
  if (graphs_.size() >= limits.graphs || bytes.size() > limits.graph_bytes - graph_bytes_) {
    return "the master sent too many graphs";
  }
  try {
    KeptGraph kept;
    kept.graph = std::make_shared<const Graph>(decode_graph(bytes.bytes(), {}, ops));
    kept.bytes = bytes.size();
    kept.used = ++uses_;
    graphs_.emplace(digest, std::move(kept));
  } catch (const InputError& error) {
    return std::string("the master sent a graph that can't be run here: ") + error.what();
  }
  graph_bytes_ += bytes.size();
  return {};
}

std::string GraphStore::add_assembly(const AssemblyMessage& message, const Blob& bytes,
                                     std::size_t parameters, const ContributorLimits& limits) {
  const std::optional<Assembly> assembly = decode_assembly(bytes.bytes());
  if (!assembly || digest_of(bytes.bytes()) != message.digest) {
    return "the master sent a damaged assembly of graphs";
  }
  auto kept = std::make_shared<KeptAssembly>();
  kept->work = message.work;
  kept->autobatch = assembly->autobatch;
  kept->gradients = assembly->gradients;
  // Gradients of what no graph here reads are zeros of its type, which it must have for that.
  kept->parameters = assembly->gradients;
  Distinct distinct;
  for (const Digest& digest : assembly->graphs) {
    const auto found = graphs_.find(digest);
    if (found == graphs_.end()) return "the master sent an assembly of unknown graphs";
    KeptGraph& graph = found->second;
    graph.used = ++uses_;
    try {
      if (!graph.sample) {
        graph.sample = std::make_shared<const SampleGraph>(Graph(*graph.graph));
        graph.graph = {graph.sample, &graph.sample->graph()};  // one copy serves both
      }
    } catch (const InputError& error) {
      return std::string("the master sent a graph that can't be joined: ") + error.what();
    }
    distinct.push_back(graph.sample);
    const auto read = graph.sample->parameters();
    kept->parameters.insert(kept->parameters.end(), read.begin(), read.end());
  }
  std::sort(kept->parameters.begin(), kept->parameters.end());
  kept->parameters.erase(std::unique(kept->parameters.begin(), kept->parameters.end()),
                         kept->parameters.end());
  if (!kept->parameters.empty() && kept->parameters.back().value >= parameters) {
    return "the master sent an assembly with an unknown parameter";
  }
  if (!is_bearable(*assembly, distinct, limits)) {
    return "the master sent an assembly of more calls than can be joined";
  }
  const auto before = assemblies_.find(message.digest);
  if (before != assemblies_.end()) {
    samples_ -= before->second->samples.size();
    assemblies_.erase(before);
  }
  if (assemblies_.size() >= limits.assemblies ||
      assembly->of_sample.size() > limits.samples - samples_) {
    return "the master sent too many assemblies";
  }
  for (const std::uint32_t place : assembly->of_sample) kept->samples.push_back(distinct[place]);
  samples_ += kept->samples.size();
  assemblies_.emplace(message.digest, std::move(kept));
  return {};
}

void GraphStore::forget_graphs() {
  graphs_.clear();
  graph_bytes_ = 0;
}

void GraphStore::forget_older_graphs(std::size_t most, std::size_t most_bytes) {
  if (graphs_.size() > most) {
    std::vector<std::uint64_t> used;
    for (const auto& [digest, graph] : graphs_) used.push_back(graph.used);
    const auto last = used.end() - static_cast<std::ptrdiff_t>(most);
    std::nth_element(used.begin(), last, used.end());
    std::erase_if(graphs_, [&](const auto& entry) {
      if (entry.second.used >= *last) return false;
      graph_bytes_ -= entry.second.bytes;
      return true;
    });
  }
  if (graph_bytes_ > most_bytes) forget_graphs();
}

void GraphStore::forget_assemblies(std::uint64_t before) {
  std::erase_if(assemblies_, [&](const auto& entry) {
    if (entry.second->work >= before) return false;
    samples_ -= entry.second->samples.size();
    return true;
  });
}

std::shared_ptr<const KeptAssembly> GraphStore::assembly(const Digest& digest) const {
  const auto found = assemblies_.find(digest);
  return found == assemblies_.end() ? nullptr : found->second;
}

std::vector<Digest> GraphStore::graphs() const {
  std::vector<Digest> digests;
  for (const auto& [digest, graph] : graphs_) digests.push_back(digest);
  return digests;
}

const std::shared_ptr<const Plan>& GraphStore::plan(const Digest& digest, Plan::Purpose purpose) {
  KeptGraph& kept = graphs_.at(digest);
  kept.used = ++uses_;
  auto& plan = purpose == Plan::Purpose::training ? kept.training : kept.inference;
  if (!plan) plan = std::make_shared<const Plan>(*kept.graph, purpose);
  return plan;
}

}  // namespace raven
