#include "graph/naive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace raven::test {
namespace {

class Naive {
 public:
  Naive(const Graph& graph, const Bindings& bindings) : graph_(graph), bindings_(bindings) {}

  NaiveRun run() {
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) forward(n);
    if (graph_.losses) {
      gradients_.resize(graph_.nodes.size());
      for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
        gradients_[n].resize(graph_.nodes[n].outputs.size());
      }
      Tensor ones(type_of(graph_, *graph_.losses));
      for (float& one : ones.values()) one = 1.0F;
      gradient(*graph_.losses) = ones;
      for (auto n = static_cast<std::uint32_t>(graph_.nodes.size()); n-- > 0;) backward(n);
    }
    return std::move(result_);
  }

 private:
  /// A value and its other shapes have one gradient: the order of additions is part of the bits.
  [[nodiscard]] ValueRef root(ValueRef ref) const {
    while (graph_.nodes[ref.node].op && graph_.nodes[ref.node].op->aliases_input) {
      ref = graph_.nodes[ref.node].inputs.front();
    }
    return ref;
  }
  Tensor& gradient(ValueRef ref) {
    const ValueRef of = root(ref);
    return gradients_[of.node][of.output];
  }

  void forward(std::uint32_t n) {
    const Node& node = graph_.nodes[n];
    auto& outputs = result_.values.emplace_back();
    learns_.push_back(node.trainable);
    saved_.emplace_back();
    for (const ValueType& type : node.outputs) outputs.emplace_back(type);
    for (const ValueType& type : node.saved) saved_.back().emplace_back(type);
    if (node.kind != Node::Kind::call) {
      const auto views = node.kind == Node::Kind::input ? bindings_.inputs : bindings_.parameters;
      std::memcpy(outputs[0].view().data, views[node.slot].data, node.outputs[0].bytes());
      return;
    }
    std::vector<ConstView> inputs;
    std::vector<View> to;
    std::vector<View> kept;
    for (const ValueRef ref : node.inputs) {
      inputs.push_back(std::as_const(result_).value(ref).view());
      if (node.op->backward || node.op->aliases_input) {
        const bool may = inputs.size() <= node.op->differentiable_inputs && ref.output == 0;
        learns_[n] = learns_[n] || (may && learns_[ref.node]);
      }
    }
    if (node.op->aliases_input) {
      std::memcpy(outputs[0].view().data, inputs[0].data, node.outputs[0].bytes());
      return;
    }
    for (Tensor& output : outputs) to.push_back(output.view());
    for (Tensor& tensor : saved_.back()) kept.push_back(tensor.view());
    RandomKey key = bindings_.key;
    key.op = n;
    node.op->forward({inputs, node.attributes, to, kept, key});
  }

  void backward(std::uint32_t n) {
    const Node& node = graph_.nodes[n];
    Tensor& dy = gradients_[n][0];
    if (dy.empty() || !learns_[n] || (node.op && node.op->aliases_input)) return;
    if (node.kind == Node::Kind::parameter) result_.gradients[node.slot] = dy;
    if (node.kind != Node::Kind::call) return;

    std::vector<ConstView> inputs;
    std::vector<ConstView> outputs;
    std::vector<ConstView> saved;
    std::vector<View> flowing;
    std::vector<GradientSink> sinks;
    for (const Tensor& output : std::as_const(result_.values[n])) {
      outputs.push_back(output.view());
      flowing.push_back(flowing.empty() ? dy.view() : View{nullptr, output.type()});
    }
    for (const Tensor& tensor : std::as_const(saved_[n])) saved.push_back(tensor.view());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueRef ref = node.inputs[i];
      inputs.push_back(std::as_const(result_).value(ref).view());
      GradientSink sink{{nullptr, inputs.back().type}, GradientSink::Mode::none};
      if (i < node.op->differentiable_inputs && learns_[ref.node] && ref.output == 0 &&
          inputs.back().type.dtype == DType::f32) {
        sink.mode = gradient(ref).empty() ? GradientSink::Mode::assign : GradientSink::Mode::add;
        // Twice in one call: both add to zeros.
        const bool twice =
            std::count_if(node.inputs.begin(), node.inputs.end(),
                          [&](ValueRef other) { return root(other) == root(ref); }) > 1;
        if (gradient(ref).empty()) gradient(ref) = Tensor(sink.to.type);
        if (twice) sink.mode = GradientSink::Mode::add;
        sink.to.data = gradient(ref).view().data;
      }
      sinks.push_back(sink);
    }
    RandomKey key = bindings_.key;
    key.op = n;
    node.op->backward({inputs, node.attributes, outputs, saved, flowing, sinks, key});
  }

  const Graph& graph_;
  const Bindings& bindings_;
  NaiveRun result_;
  std::vector<std::vector<Tensor>> saved_;
  std::vector<std::vector<Tensor>> gradients_;
  std::vector<bool> learns_;
};

void fill(Tensor& tensor, std::uint64_t seed, std::uint32_t stream) {
  RandomStream random({.seed = seed, .op = stream});
  for (std::int64_t i = 0; i < tensor.count(); ++i) {
    if (tensor.type().dtype == DType::f32) {
      tensor.view().f32()[i] = random.uniform(-1.0F, 1.0F);
    } else {
      tensor.view().i32()[i] = static_cast<std::int32_t>(random.below(3));
    }
  }
}

}  // namespace

NaiveRun run_naively(const Graph& graph, const Bindings& bindings) {
  return Naive(graph, bindings).run();
}

Bound::Bound(const Graph& graph, std::uint64_t seed)
    : key_{.seed = seed, .step = 2, .op = 0, .sample = 64} {
  for (const Node& node : graph.nodes) {
    if (node.kind == Node::Kind::call) continue;
    const bool parameter = node.kind == Node::Kind::parameter;
    std::vector<Tensor>& tensors = parameter ? parameters_ : inputs_;
    if (tensors.size() <= node.slot) tensors.resize(node.slot + 1);
    tensors[node.slot] = Tensor(node.outputs[0]);
    fill(tensors[node.slot], seed, node.slot + (parameter ? 1000 : 0));
  }
  for (const Tensor& parameter : parameters_) {
    gradients_.push_back(parameter.empty() ? Tensor() : Tensor(parameter.type()));
  }
}

Bindings Bound::bindings() {
  input_views_.clear();
  parameter_views_.clear();
  gradient_views_.clear();
  for (const Tensor& tensor : std::as_const(inputs_)) input_views_.push_back(tensor.view());
  for (const Tensor& tensor : std::as_const(parameters_)) parameter_views_.push_back(tensor.view());
  for (Tensor& tensor : gradients_) {
    std::memset(tensor.view().data, 0xFF, tensor.empty() ? 0 : tensor.type().bytes());
    gradient_views_.push_back(tensor.view());
  }
  return {.inputs = input_views_,
          .parameters = parameter_views_,
          .gradients = gradient_views_,
          .key = key_};
}

Workspace poisoned_workspace(const Plan& plan) {
  Workspace workspace(plan.workspace_bytes());
  std::memset(workspace.data(), 0xFF, workspace.bytes());
  return workspace;
}

void expect_same_as_naive(const Plan& plan, Bound& bound) {
  const Graph& graph = plan.graph();
  const Bindings bindings = bound.bindings();
  const NaiveRun naive = run_naively(graph, bindings);
  Workspace workspace = poisoned_workspace(plan);
  plan.forward(workspace, bindings);
  std::vector<ParameterId> finished;
  plan.backward(workspace, bindings, [&](ParameterId id) { finished.push_back(id); });
  EXPECT_TRUE(std::is_permutation(finished.begin(), finished.end(), plan.gradients().begin(),
                                  plan.gradients().end()))
      << "every gradient that the plan names is finished once";

  const auto same = [](const void* a, const Tensor& b) {
    return std::memcmp(a, b.bytes().data(), b.bytes().size()) == 0;
  };
  const auto expect_value = [&](ValueRef ref, const char* what) {
    const ConstView value = plan.value(workspace, bindings, ref);
    ASSERT_EQ(value.type, naive.value(ref).type());
    EXPECT_TRUE(same(value.data, naive.value(ref))) << what;
  };
  if (graph.losses) expect_value(*graph.losses, "losses");
  if (graph.weights) expect_value(*graph.weights, "weights");
  if (graph.prediction) expect_value(*graph.prediction, "prediction");
  for (const Metric& metric : graph.metrics) expect_value(metric.value, metric.name.c_str());
  for (const Statistic& statistic : graph.statistics) expect_value(statistic.value, "a statistic");

  ASSERT_EQ(plan.gradients().size(), naive.gradients.size());
  for (const auto& [slot, gradient] : naive.gradients) {
    EXPECT_TRUE(same(bound.gradient({slot}).bytes().data(), gradient))
        << "gradient of parameter " << slot << ": " << bound.gradient({slot}).values()[0]
        << " instead of " << gradient.values()[0];
  }
}

}  // namespace raven::test
