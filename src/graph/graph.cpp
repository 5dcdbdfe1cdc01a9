#include "raven/graph/graph.hpp"

#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::uint16_t format_version = 1;
constexpr std::uint32_t max_nodes = 100'000;
constexpr std::size_t max_inputs = 16;
constexpr std::int64_t max_elements = std::int64_t{1} << 36;
/// All values of one run together: far above what any machine runs, far below what overflows.
constexpr std::size_t max_total_bytes = std::size_t{1} << 42;

constexpr ValueRef none{0xffffffff, 0xffff};

[[noreturn]] void refuse(const std::string& what) {
  throw InputError("a graph can't be used: " + what, "use the same version of raven everywhere");
}

void put_type(ByteWriter& to, const ValueType& type) {
  to.put(type.dtype);
  to.put(static_cast<std::uint8_t>(type.shape.rank()));
  for (const std::int64_t dim : type.shape) to.put(dim);
}

ValueType get_type(ByteReader& from) {
  ValueType type;
  const auto dtype = from.get<std::uint8_t>();
  const auto rank = from.get<std::uint8_t>();
  if ((dtype != 1 && dtype != 2) || rank > Shape::max_rank) {
    from.fail();
    return type;
  }
  type.dtype = static_cast<DType>(dtype);
  std::int64_t dims[Shape::max_rank] = {};
  std::int64_t room = max_elements;
  for (std::uint8_t i = 0; i < rank; ++i) {
    dims[i] = from.get<std::int64_t>();
    if (dims[i] < 1 || dims[i] > room) {
      from.fail();
      return type;
    }
    room /= dims[i];
  }
  type.shape = Shape(std::span<const std::int64_t>(dims, rank));
  return type;
}

void put_ref(ByteWriter& to, ValueRef ref) {
  to.put(ref.node);
  to.put(ref.output);
}

void put_optional(ByteWriter& to, const std::optional<ValueRef>& ref) {
  put_ref(to, ref.value_or(none));
}

class Decoder {
 public:
  explicit Decoder(ByteSpan bytes) : from_(bytes) {}

  Graph decode() {
    if (from_.get<std::uint16_t>() != format_version) refuse("it is of another format version");
    const auto count = from_.get<std::uint32_t>();
    if (count > max_nodes) refuse("it has more than 100 000 nodes");
    for (std::uint32_t i = 0; i < count && from_.ok(); ++i) read_node();
    check();
    graph_.losses = read_optional();
    graph_.weights = read_optional();
    graph_.prediction = read_optional();
    const auto metrics = from_.get<std::uint16_t>();
    for (std::uint16_t i = 0; i < metrics && from_.ok(); ++i) {
      std::string name = from_.get_string();
      graph_.metrics.push_back({std::move(name), read_ref()});
    }
    const auto statistics = from_.get<std::uint16_t>();
    for (std::uint16_t i = 0; i < statistics && from_.ok(); ++i) {
      const ParameterId into{from_.get<std::uint32_t>()};
      const ValueRef value = read_ref();
      graph_.statistics.push_back({into, value, from_.get<double>()});
    }
    if (!from_.done()) refuse("its bytes are malformed");
    for (const auto& asked : {graph_.losses, graph_.weights}) {
      if (asked && type_of(graph_, *asked).dtype != DType::f32) refuse("its loss is not of floats");
    }
    for (const Metric& metric : graph_.metrics) {
      if (type_of(graph_, metric.value).dtype != DType::f32) refuse("a metric is not of floats");
    }
    return std::move(graph_);
  }

 private:
  void check() const {
    if (!from_.ok()) refuse("its bytes are malformed");
  }

  ValueRef read_ref() {
    const auto node = from_.get<std::uint32_t>();
    const auto output = from_.get<std::uint16_t>();
    check();
    if (node >= graph_.nodes.size() || output >= graph_.nodes[node].outputs.size()) {
      refuse("it refers to a value that is not there (yet)");
    }
    return {node, output};
  }

  std::optional<ValueRef> read_optional() {
    ByteReader ahead = from_;
    const auto node = ahead.get<std::uint32_t>();
    const auto output = ahead.get<std::uint16_t>();
    if (ahead.ok() && ValueRef{node, output} == none) {
      from_ = ahead;
      return std::nullopt;
    }
    return read_ref();
  }

  void read_node() {
    Node node;
    node.kind = static_cast<Node::Kind>(from_.get<std::uint8_t>());
    switch (node.kind) {
      case Node::Kind::input:
      case Node::Kind::parameter: {
        node.slot = from_.get<std::uint32_t>();
        const auto trainable = from_.get<std::uint8_t>();
        if (trainable > 1) refuse("its bytes are malformed");
        node.trainable = trainable == 1;
        node.outputs = {get_type(from_)};
        break;
      }
      case Node::Kind::call:
        read_call(node);
        break;
      default:
        refuse("it has a node of an unknown kind");
    }
    check();
    for (const ValueType& type : node.outputs) total_bytes_ += type.bytes();
    for (const ValueType& type : node.saved) total_bytes_ += type.bytes();
    if (total_bytes_ > max_total_bytes) refuse("its values would take more than 4 TiB");
    graph_.nodes.push_back(std::move(node));
  }

  void read_call(Node& node) {
    const std::string name = from_.get_string();
    check();
    node.op = find_op(name);
    if (node.op == nullptr) refuse("it calls an op that is not known here");
    const auto inputs = from_.get<std::uint8_t>();
    if (inputs > max_inputs) refuse("it has a call with too many inputs");
    std::vector<ValueType> types;
    for (std::uint8_t i = 0; i < inputs; ++i) {
      node.inputs.push_back(read_ref());
      types.push_back(type_of(graph_, node.inputs.back()));
    }
    std::optional<Attributes> attributes = Attributes::decode(from_);
    if (!attributes) refuse("its attributes are malformed");
    node.attributes = std::move(*attributes);
    // Shapes are never read from outside: inferring them again is the check.
    CallTypes made = node.op->infer(types, node.attributes);
    node.outputs = std::move(made.outputs);
    node.saved = std::move(made.saved);
  }

  ByteReader from_;
  Graph graph_;
  std::size_t total_bytes_ = 0;
};

}  // namespace

const ValueType& type_of(const Graph& graph, ValueRef value) {
  return graph.nodes[value.node].outputs[value.output];
}

Bytes encode(const Graph& graph) {
  ByteWriter to;
  to.put(format_version);
  to.put(static_cast<std::uint32_t>(graph.nodes.size()));
  for (const Node& node : graph.nodes) {
    to.put(node.kind);
    if (node.kind == Node::Kind::call) {
      to.put_string(node.op->name);
      to.put(static_cast<std::uint8_t>(node.inputs.size()));
      for (const ValueRef input : node.inputs) put_ref(to, input);
      node.attributes.encode(to);
    } else {
      to.put(node.slot);
      to.put(static_cast<std::uint8_t>(node.trainable));
      put_type(to, node.outputs.front());
    }
  }
  put_optional(to, graph.losses);
  put_optional(to, graph.weights);
  put_optional(to, graph.prediction);
  to.put(static_cast<std::uint16_t>(graph.metrics.size()));
  for (const Metric& metric : graph.metrics) {
    to.put_string(metric.name);
    put_ref(to, metric.value);
  }
  to.put(static_cast<std::uint16_t>(graph.statistics.size()));
  for (const Statistic& statistic : graph.statistics) {
    to.put(statistic.into.value);
    put_ref(to, statistic.value);
    to.put(statistic.momentum);
  }
  return to.take();
}

Graph decode_graph(ByteSpan bytes) { return Decoder(bytes).decode(); }

Digest digest_of(const Graph& graph) { return digest_of(encode(graph)); }

}  // namespace raven
