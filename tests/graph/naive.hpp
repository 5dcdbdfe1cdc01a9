#pragma once

#include <map>
#include <vector>

#include "raven/graph/plan.hpp"

namespace raven::test {

/// What a graph makes when every value and gradient has memory of its own, nothing is pruned,
/// shared or run in place, and reshaping copies values. The same kernels in the same order, so a
/// plan must give the same bits.
struct NaiveRun {
  std::vector<std::vector<Tensor>> values;    ///< by node and output
  std::map<std::uint32_t, Tensor> gradients;  ///< by ParameterId

  [[nodiscard]] const Tensor& value(ValueRef ref) const { return values[ref.node][ref.output]; }
};

[[nodiscard]] NaiveRun run_naively(const Graph& graph, const Bindings& bindings);

/// Tensors that fit a graph's inputs and parameters, filled from a seed, and bindings to them.
class Bound {
 public:
  Bound(const Graph& graph, std::uint64_t seed);

  [[nodiscard]] Bindings bindings();
  [[nodiscard]] const Tensor& gradient(ParameterId id) const { return gradients_.at(id.value); }
  std::vector<Tensor>& inputs() { return inputs_; }
  std::vector<Tensor>& parameters() { return parameters_; }

 private:
  std::vector<Tensor> inputs_;
  std::vector<Tensor> parameters_;
  std::vector<Tensor> gradients_;
  std::vector<ConstView> input_views_;
  std::vector<ConstView> parameter_views_;
  std::vector<View> gradient_views_;
  RandomKey key_;
};

/// A workspace as large as the plan asks for, full of NaN.
[[nodiscard]] Workspace poisoned_workspace(const Plan& plan);

/// Runs the plan both ways and expects every value asked for and every gradient to have the bits of
/// the naive run.
void expect_same_as_naive(const Plan& plan, Bound& bound);

}  // namespace raven::test
