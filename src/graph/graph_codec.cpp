#include "raven/core/error.hpp"
#include "raven/graph/graph.hpp"

namespace raven {
namespace {

constexpr std::uint32_t magic = 0x46475652;  // "RVGF"
/// Graphs without a state are written as before there were any, so that they keep their digests.
constexpr std::uint16_t format_version = 1;
constexpr std::uint16_t format_with_state = 2;
constexpr std::int64_t max_elements = std::int64_t{1} << 40U;
constexpr std::size_t max_name = 256;
constexpr std::size_t max_asked = 4096;

[[noreturn]] void reject(const std::string& problem) {
  throw InputError("a graph can't be read: " + problem,
                   "the sender runs another version of raven, or damaged it on the way");
}

void put_type(ByteWriter& to, const ValueType& type) {
  to.put(type.dtype);
  to.put(static_cast<std::uint8_t>(type.shape.rank()));
  for (const std::int64_t dim : type.shape.dims()) to.put(dim);
}

void put_ref(ByteWriter& to, ValueRef ref) {
  to.put(ref.node);
  to.put(ref.output);
}

void put_optional(ByteWriter& to, const std::optional<ValueRef>& ref) {
  to.put(static_cast<std::uint8_t>(ref.has_value()));
  if (ref) put_ref(to, *ref);
}

void put_node(ByteWriter& to, const Node& node) {
  to.put(node.kind);
  switch (node.kind) {
    case Node::Kind::input:
      to.put(node.slot);
      put_type(to, node.outputs.front());
      break;
    case Node::Kind::parameter:
      to.put(node.slot);
      to.put(static_cast<std::uint8_t>(node.trainable));
      put_type(to, node.outputs.front());
      break;
    case Node::Kind::call:
      to.put_string(node.op->name);
      node.attributes.encode(to);
      to.put(static_cast<std::uint16_t>(node.inputs.size()));
      for (const ValueRef ref : node.inputs) put_ref(to, ref);
      break;
  }
}

/// Reads a graph from front to back; nothing is allocated from a number before that is checked.
class Decoder {
 public:
  Decoder(ByteSpan bytes, const GraphLimits& limits, OpRows more)
      : from_(bytes), limits_(limits), more_(more) {}

  Graph run() {
    if (from_.get<std::uint32_t>() != magic) reject("it does not begin like one");
    const auto version = from_.get<std::uint16_t>();
    if (version != format_version && version != format_with_state) {
      reject("its format is " + std::to_string(version) + ", this version reads " +
             std::to_string(format_version) + " and " + std::to_string(format_with_state));
    }
    const std::size_t nodes = from_.get<std::uint32_t>();
    if (nodes > limits_.nodes) {
      reject("it has " + std::to_string(nodes) + " nodes, more than " +
             std::to_string(limits_.nodes));
    }
    for (std::size_t n = 0; n < nodes; ++n) {
      node();
      if (!from_.ok()) reject("it ends inside node " + std::to_string(n));
    }
    graph_.losses = optional();
    graph_.weights = optional();
    graph_.prediction = optional();
    if (version == format_with_state) graph_.state = ref();
    asked();
    if (!from_.done()) reject("it is cut short, or something follows it");
    check(graph_);
    return std::move(graph_);
  }

 private:
  void node() {
    Node node;
    node.kind = from_.get<Node::Kind>();
    switch (node.kind) {
      case Node::Kind::input:
        node.slot = from_.get<std::uint32_t>();
        node.outputs = {type()};
        break;
      case Node::Kind::parameter:
        node.slot = from_.get<std::uint32_t>();
        node.trainable = flag();
        node.outputs = {type()};
        break;
      case Node::Kind::call:
        call(node);
        break;
      default:
        reject("node " + std::to_string(graph_.nodes.size()) + " is of an unknown kind");
    }
    if (!from_.ok()) return;
    for (const ValueType& made : node.outputs) count(made);
    for (const ValueType& made : node.saved) count(made);
    graph_.nodes.push_back(std::move(node));
  }

  void call(Node& node) {
    const std::string name = from_.get_string();
    node.op = find_op(name);
    for (const OpDef* op : more_) {
      if (node.op == nullptr && op->name == name) node.op = op;
    }
    if (!node.op) reject("there is no operation '" + name.substr(0, 40) + "' in this program");
    std::optional<Attributes> attributes = Attributes::decode(from_);
    if (!attributes) reject("the attributes of '" + name + "' are malformed");
    node.attributes = std::move(*attributes);
    const std::size_t inputs = from_.get<std::uint16_t>();
    if (inputs > limits_.inputs) reject("'" + name + "' has too many inputs");
    types_.clear();
    for (std::size_t i = 0; i < inputs; ++i) {
      const ValueRef ref = this->ref();
      if (!from_.ok()) return;
      if (ref.node >= graph_.nodes.size() || ref.output >= graph_.nodes[ref.node].outputs.size()) {
        reject("'" + name + "' refers to a value that is not made before it");
      }
      types_.push_back(type_of(graph_, ref));
      node.inputs.push_back(ref);
    }
    CallTypes made = node.op->infer(types_, node.attributes);
    node.outputs = std::move(made.outputs);
    node.saved = std::move(made.saved);
  }

  void asked() {
    const std::size_t metrics = from_.get<std::uint32_t>();
    if (metrics > max_asked) reject("it has too many metrics");
    for (std::size_t i = 0; i < metrics && from_.ok(); ++i) {
      std::string name = from_.get_string();
      if (name.size() > max_name) reject("the name of a metric is too long");
      const ValueRef value = ref();
      graph_.metrics.push_back({std::move(name), value});
    }
    const std::size_t statistics = from_.get<std::uint32_t>();
    if (statistics > max_asked) reject("it has too many statistics");
    for (std::size_t i = 0; i < statistics && from_.ok(); ++i) {
      const ParameterId into{from_.get<std::uint32_t>()};
      const ValueRef value = ref();
      graph_.statistics.push_back({into, value, from_.get<double>()});
    }
  }

  ValueRef ref() {
    const auto node = from_.get<std::uint32_t>();
    return {node, from_.get<std::uint16_t>()};
  }

  bool flag() {
    const auto value = from_.get<std::uint8_t>();
    if (value > 1) reject("a yes or no is neither");
    return value == 1;
  }

  std::optional<ValueRef> optional() {
    if (!flag()) return std::nullopt;
    return ref();
  }

  ValueType type() {
    ValueType type;
    type.dtype = from_.get<DType>();
    if (type.dtype != DType::f32 && type.dtype != DType::i32) reject("it has an unknown type");
    const std::size_t rank = from_.get<std::uint8_t>();
    if (rank > Shape::max_rank) reject("it has a value of too many dimensions");
    std::array<std::int64_t, Shape::max_rank> dims{};
    std::int64_t elements = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      dims[i] = from_.get<std::int64_t>();
      if (!from_.ok()) return type;
      if (dims[i] < 1 || dims[i] > max_elements / elements) {
        reject("it has a value of impossible size");
      }
      elements *= dims[i];
    }
    type.shape = Shape(std::span(dims).first(rank));
    return type;
  }

  void count(const ValueType& made) {
    bytes_ += made.bytes();
    if (bytes_ > limits_.value_bytes) {
      reject("its values take more than the " + std::to_string(limits_.value_bytes) +
             " bytes allowed");
    }
  }

  ByteReader from_;
  const GraphLimits& limits_;
  OpRows more_;
  Graph graph_;
  std::vector<ValueType> types_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Bytes encode(const Graph& graph) {
  ByteWriter to;
  to.put(magic);
  to.put(graph.state ? format_with_state : format_version);
  to.put(static_cast<std::uint32_t>(graph.nodes.size()));
  for (const Node& node : graph.nodes) put_node(to, node);
  put_optional(to, graph.losses);
  put_optional(to, graph.weights);
  put_optional(to, graph.prediction);
  if (graph.state) put_ref(to, *graph.state);
  to.put(static_cast<std::uint32_t>(graph.metrics.size()));
  for (const Metric& metric : graph.metrics) {
    to.put_string(metric.name);
    put_ref(to, metric.value);
  }
  to.put(static_cast<std::uint32_t>(graph.statistics.size()));
  for (const Statistic& statistic : graph.statistics) {
    to.put(statistic.into.value);
    put_ref(to, statistic.value);
    to.put(statistic.momentum);
  }
  return to.take();
}

Graph decode_graph(ByteSpan bytes, const GraphLimits& limits, OpRows more) {
  return Decoder(bytes, limits, more).run();
}

}  // namespace raven
