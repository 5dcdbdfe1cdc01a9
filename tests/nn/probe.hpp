#pragma once

#include <memory>
#include <vector>

#include "golden/golden.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/reduce.hpp"
#include "raven/graph/plan.hpp"
#include "raven/graph/tape.hpp"

namespace raven {

/// Records something, runs it forward and backward with given gradients of its output, and shows
/// every value and gradient.
///
/// What wants a gradient is put in as a parameter; the loss is sum(output * output gradient), so
/// that the gradients of the parameters are those that the output gradient makes.
class Probe {
 public:
  explicit Probe(Tape::Mode mode = Tape::Mode::training, std::int64_t samples = 1)
      : tape_(mode, samples) {}

  [[nodiscard]] ParameterStore& store() { return store_; }
  [[nodiscard]] Tape& tape() { return tape_; }

  /// Real numbers become a parameter, whole numbers an input without a gradient.
  [[nodiscard]] Variable put(const Tensor& value) {
    if (value.type().dtype == DType::i32) return put_input(value);
    const ParameterId id =
        store_.add({.name = "probe " + std::to_string(store_.size()), .value = value});
    probed_.push_back(id);
    return tape_.parameter(store_, id);
  }
  [[nodiscard]] Variable put_input(const Tensor& value) {
    if (inputs_.size() == slot_state) inputs_.emplace_back();  // that one is put_at()
    inputs_.push_back(value);
    return tape_.input(static_cast<std::uint32_t>(inputs_.size() - 1), value.type());
  }

  /// An input of that slot. @pre the slots before it hold nothing else
  void put_at(std::uint32_t slot, const Tensor& value) {
    if (inputs_.size() <= slot) inputs_.resize(slot + 1);
    inputs_[slot] = value;
    (void)tape_.input(slot, value.type());
  }

  /// @param output_gradient empty for forward only
  void run(Variable output, const Tensor& output_gradient) {
    tape_.set_prediction(output);
    if (!output_gradient.empty()) {
      const Variable product = mul(output, put_input(output_gradient));
      const Variable losses = product.shape().rank() == 1 ? product : row_sum(product);
      Tensor ones(losses.type());
      std::ranges::fill(ones.values(), 1.0F);
      tape_.set_loss(losses, put_input(ones));
    }
    run_recorded(!output_gradient.empty());
  }

  /// Runs what was recorded with a loss or a prediction of its own.
  void run_recorded(bool backward) {
    plan_ = std::make_unique<Plan>(tape_.take(),
                                   backward ? Plan::Purpose::training : Plan::Purpose::inference);
    workspace_ = std::make_unique<Workspace>(plan_->workspace_bytes());
    for (const Tensor& input : inputs_) input_views_.push_back(input.view());
    for (const Parameter& parameter : store_.all()) {
      parameter_views_.push_back(parameter.value.view());
      // Not zeros: a gradient that is not written must show.
      Tensor& gradient = gradients_.emplace_back(parameter.value.type());
      std::ranges::fill(gradient.values(), 12345.0F);
      gradient_views_.push_back(gradient.view());
    }
    plan_->forward(*workspace_, bindings());
    if (backward) plan_->backward(*workspace_, bindings(), [](ParameterId) {});
  }

  [[nodiscard]] const Graph& graph() const { return plan_->graph(); }
  [[nodiscard]] ConstView value(ValueRef ref) const {
    return plan_->value(*workspace_, bindings(), ref);
  }
  [[nodiscard]] ConstView output() const { return value(*graph().prediction); }
  [[nodiscard]] double sum(ValueRef ref) const {
    const ConstView view = value(ref);
    double total = 0;
    for (std::int64_t i = 0; i < view.count(); ++i) total += double{view.f32()[i]};
    return total;
  }
  [[nodiscard]] const Tensor& gradient(ParameterId id) const { return gradients_[id.value]; }
  /// Gradient of the number-th value of real numbers that was put in.
  [[nodiscard]] const Tensor& gradient_of_put(std::size_t number) const {
    return gradient(probed_.at(number));
  }

 private:
  [[nodiscard]] Bindings bindings() const {
    return {.inputs = input_views_,
            .parameters = parameter_views_,
            .gradients = gradient_views_,
            .key = {.seed = 1, .step = 1}};
  }

  ParameterStore store_;
  Tape tape_;
  std::vector<Tensor> inputs_;
  std::vector<ParameterId> probed_;
  std::vector<Tensor> gradients_;
  std::vector<ConstView> input_views_;
  std::vector<ConstView> parameter_views_;
  std::vector<View> gradient_views_;
  std::unique_ptr<Plan> plan_;
  std::unique_ptr<Workspace> workspace_;
};

/// Names of the ops that a graph calls.
inline std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    if (node.kind == Node::Kind::call) names.emplace_back(node.op->name);
  }
  return names;
}

}  // namespace raven
