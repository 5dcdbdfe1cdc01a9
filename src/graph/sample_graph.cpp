#include <algorithm>
#include <functional>
#include <string_view>

#include "dataflow.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/autobatch.hpp"

namespace raven {
namespace {

void put(ByteWriter& to, const SampleGraph::Signature& signature) {
  for (const std::uint64_t half : signature) to.put(half);
}

bool in_mask(std::uint64_t mask, std::size_t input) {
  return input < 64 && (mask >> input & 1U) != 0;
}

/// Fills in what nodes are, one after the other.
class Analysis {
 public:
  Analysis(const Graph& graph, SampleGraph::SignatureOf hash, std::vector<SampleGraph::Info>& infos)
      : graph_(graph), hash_(hash), infos_(infos) {}

  void run() {
    mark_needed();
    std::uint32_t values = 0;
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      infos_[n].first_value = values;
      values += static_cast<std::uint32_t>(graph_.nodes[n].outputs.size());
      const Node& node = graph_.nodes[n];
      if (node.kind == Node::Kind::parameter) {
        parameter(n);
      } else if (node.kind == Node::Kind::call) {
        call(n);
      }
    }
  }

 private:
  void mark_needed() {
    for_each_asked(graph_, [&](ValueRef value) { infos_[value.node].needed = true; });
    for (std::size_t n = graph_.nodes.size(); n-- > 0;) {
      if (!infos_[n].needed) continue;
      for (const ValueRef value : graph_.nodes[n].inputs) infos_[value.node].needed = true;
    }
  }

  void parameter(std::uint32_t n) {
    ByteWriter what;
    what.put(std::uint8_t{1});
    what.put(graph_.nodes[n].slot);
    infos_[n].signature = hash_(what.bytes());
    infos_[n].shared = true;
  }

  void call(std::uint32_t n) {
    const Node& node = graph_.nodes[n];
    SampleGraph::Info& info = infos_[n];
    info.shared = std::all_of(node.inputs.begin(), node.inputs.end(),
                              [&](ValueRef value) { return infos_[value.node].shared; });
    for (const ValueRef value : node.inputs) {
      const SampleGraph::Info& input = infos_[value.node];
      if (!info.shared) info.depth = std::max(info.depth, input.depth + 1);
      const bool waits = !input.shared && graph_.nodes[value.node].kind == Node::Kind::call;
      info.waits_for += waits ? 1 : 0;
    }
    if (!info.shared && node.op->row_inputs != nullptr) info.row_inputs = rows_of(node);
    info.joins = info.row_inputs != 0;
    ByteWriter what;
    what.put(std::uint8_t{2});
    what.put_string(node.op->name);
    const bool rescaled = info.joins && node.op->joined != nullptr;
    (rescaled ? node.op->joined(node.attributes, 1) : node.attributes).encode(what);
    what.put(info.row_inputs);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (in_mask(info.row_inputs, k)) {
        const ValueType& type = type_of(graph_, node.inputs[k]);
        what.put(type.dtype);
        what.put_list(type.shape.dims().subspan(1));
      } else {
        put(what, infos_[node.inputs[k].node].signature);
        what.put(node.inputs[k].output);
      }
    }
    info.signature = hash_(what.bytes());
  }

  /// The row inputs of a call, 0 unless it can be one call with those of other samples.
  [[nodiscard]] std::uint64_t rows_of(const Node& node) const {
    std::vector<ValueType> types;
    for (const ValueRef value : node.inputs) types.push_back(type_of(graph_, value));
    const std::uint64_t mask = node.op->row_inputs(types, node.attributes);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      // What is shared would have to be repeated for each; what is not is another value for each.
      if (in_mask(mask, k) == infos_[node.inputs[k].node].shared) return 0;
      if (in_mask(mask, k) && types[k].shape.rank() == 0) return 0;
    }
    const bool has_rows = std::all_of(node.outputs.begin(), node.outputs.end(),
                                      [](const ValueType& type) { return type.shape.rank() > 0; });
    return has_rows ? mask : 0;
  }

  const Graph& graph_;
  SampleGraph::SignatureOf hash_;
  std::vector<SampleGraph::Info>& infos_;
};

}  // namespace

SampleGraph::Signature signature_of(ByteSpan what) {
  const auto hash = [](ByteSpan bytes) {
    return std::uint64_t{
        std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()})};
  };
  const std::uint64_t first = hash(what);
  ByteWriter other;  // other bytes in front, so that one collision does not make the other
  other.put(first ^ 0x9E3779B97F4A7C15U);
  other.put_raw(what);
  return {first, hash(other.bytes())};
}

GraphParameters parameters_of(const Graph& graph) {
  GraphParameters parameters;
  const Dataflow flow = trace(graph, true);
  std::vector<bool> read(flow.storages.size(), false);
  for (const std::uint32_t n : flow.forward) {
    for (const ValueRef input : graph.nodes[n].inputs) read[flow.storage_of(input)] = true;
  }
  for_each_asked(graph, [&](ValueRef value) { read[flow.storage_of(value)] = true; });
  for (std::size_t i = 0; i < flow.storages.size(); ++i) {
    const Storage& storage = flow.storages[i];
    if (storage.kind != Storage::Kind::parameter) continue;
    if (read[i]) parameters.read.push_back({storage.slot});
    if (storage.has_gradient) parameters.learnt.push_back({storage.slot});
  }
  std::sort(parameters.read.begin(), parameters.read.end());
  std::sort(parameters.learnt.begin(), parameters.learnt.end());
  return parameters;
}

void expect_of_sample(const Graph& graph) {
  if (!graph.statistics.empty()) {
    throw InputError(
        "a layer that takes statistics over a batch can't be part of the graph of one sample",
        "use layer_norm in place of batch_norm");
  }
  if (graph.state) {
    throw InputError("a graph of one sample can't carry a state to the next one",
                     "leave out carry where a graph is recorded for each sample");
  }
}

SampleGraph::SampleGraph(Graph graph, SignatureOf hash)
    : graph_(std::move(graph)), infos_(graph_.nodes.size()) {
  check(graph_);
  expect_of_sample(graph_);
  Analysis(graph_, hash, infos_).run();
  first_user_.assign(graph_.nodes.size() + 1, 0);
  for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    value_count_ += static_cast<std::uint32_t>(node.outputs.size());
    edges_ += node.inputs.size();
    for (const ValueType& type : node.outputs) value_bytes_ += type.bytes();
    for (const ValueType& type : node.saved) value_bytes_ += type.bytes();
    if (infos_[n].shared || !infos_[n].needed) continue;
    for (const ValueRef value : graph_.nodes[n].inputs) ++first_user_[value.node + 1];
  }
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) first_user_[n + 1] += first_user_[n];
  users_.resize(first_user_.back());
  std::vector<std::uint32_t> next(first_user_.begin(), first_user_.end() - 1);
  for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
    if (infos_[n].shared || !infos_[n].needed) continue;
    for (const ValueRef value : graph_.nodes[n].inputs) users_[next[value.node]++] = n;
  }

  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    if (graph_.nodes[n].kind == Node::Kind::parameter && infos_[n].needed) {
      parameters_.push_back({graph_.nodes[n].slot});
    }
  }
  std::sort(parameters_.begin(), parameters_.end());
}

}  // namespace raven
