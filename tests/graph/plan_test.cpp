#include "raven/graph/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/allocations.hpp"
#include "graph/naive.hpp"
#include "graph/nets.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/ops/activation.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/loss.hpp"
#include "raven/graph/ops/metric.hpp"
#include "raven/graph/ops/reduce.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven::test {
namespace {

using Purpose = Plan::Purpose;

TEST(Plan, a_small_classifier_gives_what_separate_buffers_give) {
  const Plan plan(small_classifier(), Purpose::training);
  Bound bound(plan.graph(), 1);
  expect_same_as_naive(plan, bound);
  EXPECT_EQ(plan.parameters().size(), 4U);
  EXPECT_EQ(plan.gradients().size(), 4U);
}

TEST(Plan, a_net_of_every_layer_gives_what_separate_buffers_give) {
  const Plan plan(every_layer(), Purpose::training);
  Bound bound(plan.graph(), 2);
  expect_same_as_naive(plan, bound);
}

TEST(Plan, random_graphs_give_what_separate_buffers_give) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Plan plan(random_graph(seed, 3 + static_cast<int>(seed % 40)), Purpose::training);
    Bound bound(plan.graph(), seed);
    expect_same_as_naive(plan, bound);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Plan, inference_gives_the_same_values_in_less_memory) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Graph graph = random_graph(seed, 25);
    const Plan training(graph, Purpose::training);
    const Plan inference(graph, Purpose::inference);
    EXPECT_TRUE(inference.gradients().empty());
    EXPECT_LE(inference.workspace_bytes(), training.workspace_bytes());
    Bound bound(graph, seed);
    const Bindings bindings = bound.bindings();
    Workspace a = poisoned_workspace(training);
    Workspace b = poisoned_workspace(inference);
    training.forward(a, bindings);
    inference.forward(b, bindings);
    EXPECT_EQ(std::memcmp(training.value(a, bindings, *graph.losses).data,
                          inference.value(b, bindings, *graph.losses).data,
                          type_of(graph, *graph.losses).bytes()),
              0);
  }
}

TEST(Plan, values_share_memory_when_they_live_at_different_times) {
  const Plan training(every_layer(), Purpose::training);
  const Plan inference(every_layer(), Purpose::inference);
  EXPECT_LT(training.workspace_bytes(), training.unplanned_bytes() * 3 / 4);
  EXPECT_LT(inference.workspace_bytes(), inference.unplanned_bytes() / 2);
}

/// y = x w, loss = (y - t)^2 with w used twice: d/dw of sum over rows of (w (w x) - t)^2 = 2 (w^2 x
/// - t) 2 w x.
TEST(Plan, gradients_of_a_shared_parameter_are_added_up) {
  ParameterStore store;
  const ParameterId w = add_parameter(store, {1, 1});
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {2, 1}});
  const Variable t = tape.input(1, {DType::f32, {2, 1}});
  const Variable once = linear(x, tape.parameter(store, w));
  const RowLosses loss = mse(linear(once, tape.parameter(store, w)), t);
  tape.set_loss(loss.losses, loss.weights);
  const Plan plan(tape.take(), Purpose::training);

  Bound bound(plan.graph(), 3);
  bound.parameters()[0].values()[0] = 0.5F;
  bound.inputs()[0] = Tensor::of(Shape{2, 1}, std::vector<float>{2.0F, -3.0F});
  bound.inputs()[1] = Tensor::of(Shape{2, 1}, std::vector<float>{1.0F, 0.25F});
  const Bindings bindings = bound.bindings();
  Workspace workspace = poisoned_workspace(plan);
  plan.forward(workspace, bindings);
  int finished = 0;
  plan.backward(workspace, bindings, [&](ParameterId) { ++finished; });
  EXPECT_EQ(finished, 1);
  const double expected = 2 * (0.25 * 2 - 1) * 2 * 0.5 * 2 + 2 * (0.25 * -3 - 0.25) * 2 * 0.5 * -3;
  EXPECT_FLOAT_EQ(bound.gradient(w).values()[0], static_cast<float>(expected));
}

TEST(Plan, what_nobody_asks_for_does_not_run) {
  ParameterStore store;
  const ParameterId used = add_parameter(store, {3, 4});
  const ParameterId unused = add_parameter(store, {5, 4});
  const ParameterId only_measured = add_parameter(store, {3, 4});
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {6, 4}});
  const Variable t = tape.input(1, {DType::f32, {6, 3}});
  static_cast<void>(linear(x, tape.parameter(store, unused)));
  const RowLosses loss = mse(linear(x, tape.parameter(store, used)), t);
  tape.add_metric("other", absolute_error(linear(x, tape.parameter(store, only_measured)), t));
  tape.set_loss(loss.losses, loss.weights);
  const Plan plan(tape.take(), Purpose::training);
  EXPECT_EQ(std::vector<ParameterId>(plan.parameters().begin(), plan.parameters().end()),
            (std::vector<ParameterId>{used, only_measured}));
  EXPECT_EQ(std::vector<ParameterId>(plan.gradients().begin(), plan.gradients().end()),
            std::vector<ParameterId>{used});
  // Two products forward, one gradient of a weight.
  EXPECT_EQ(plan.flops(), 3 * 2.0 * 6 * 4 * 3);
  Bound bound(plan.graph(), 4);
  expect_same_as_naive(plan, bound);
}

TEST(Plan, gradients_are_finished_from_the_last_layer_to_the_first) {
  const Plan plan(small_classifier(), Purpose::training);
  std::vector<std::uint32_t> order;
  for (const ParameterId id : plan.gradients()) order.push_back(id.value);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{2, 3, 0, 1}));
}

TEST(Plan, a_weights_gradient_is_told_before_that_of_the_input_is_made) {
  // y = x w, whose way back says when the weight's gradient is there, and then fills the input's
  // with what it sees of the other: the one who was told may have changed it.
  static constexpr OpDef product{
      .name = "product",
      .infer =
          [](std::span<const ValueType> inputs, const Attributes&) {
            return CallTypes{{inputs[0]}, {}};
          },
      .forward =
          [](const ForwardCall& call) {
            std::fill_n(call.outputs[0].f32(), call.outputs[0].shape().count(), 0.0F);
          },
      .backward =
          [](const BackwardCall& call) {
            const GradientSink& weight = call.input_gradients[1];
            const GradientSink& input = call.input_gradients[0];
            std::fill_n(weight.to.f32(), weight.to.shape().count(), 1.0F);
            call.written(1);
            call.written(1);
            std::copy_n(weight.to.f32(), weight.to.shape().count(), input.to.f32());
          },
  };
  ParameterStore store;
  const ParameterId below = add_parameter(store, {4});
  const ParameterId above = add_parameter(store, {4});
  Tape tape;
  const Variable calls[] = {tape.parameter(store, below), tape.parameter(store, above)};
  tape.set_loss(tape.call(product, calls, {}), tape.input(0, {DType::f32, {4}}));
  const Plan plan(tape.take(), Purpose::training);
  Workspace workspace(plan.workspace_bytes());
  Tensor input(ValueType{DType::f32, {4}});
  Tensor values[] = {Tensor(input.type()), Tensor(input.type())};
  Tensor gradients[] = {Tensor(input.type()), Tensor(input.type())};
  const ConstView inputs[] = {std::as_const(input).view()};
  const ConstView parameters[] = {std::as_const(values[0]).view(), std::as_const(values[1]).view()};
  const View sinks[] = {gradients[0].view(), gradients[1].view()};
  const Bindings bindings{
      .inputs = inputs, .parameters = parameters, .gradients = sinks, .key = {}};
  plan.forward(workspace, bindings);
  std::vector<ParameterId> told;
  plan.backward(workspace, bindings, [&](ParameterId id) {
    told.push_back(id);
    if (id == above) gradients[1].values()[0] = 7.0F;
  });
  EXPECT_EQ(told, (std::vector<ParameterId>{above, below}));
  EXPECT_EQ(gradients[0].values()[0], 7.0F);
}

TEST(Plan, a_gradient_with_two_parts_in_one_call_is_told_when_both_are_there) {
  ParameterStore store;
  const ParameterId w = add_parameter(store, {4, 4});
  Tape tape;
  const Variable p = tape.parameter(store, w);
  const Variable t = tape.input(0, {DType::f32, {4, 4}});
  const RowLosses loss = mse(linear(p, p), t);
  tape.set_loss(loss.losses, loss.weights);
  const Plan plan(tape.take(), Purpose::training);
  Bound bound(plan.graph(), 5);
  expect_same_as_naive(plan, bound);
}

TEST(Plan, a_reshaped_parameter_gets_its_gradient_without_a_copy) {
  ParameterStore store;
  const ParameterId w = add_parameter(store, {12});
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {5, 4}});
  const Variable t = tape.input(1, {DType::f32, {5, 3}});
  const RowLosses loss = mse(linear(x, reshape(tape.parameter(store, w), {3, 4})), t);
  tape.set_loss(loss.losses, loss.weights);
  const Plan plan(tape.take(), Purpose::training);
  Bound bound(plan.graph(), 5);
  expect_same_as_naive(plan, bound);
}

TEST(Plan, a_loss_that_is_a_parameter_has_a_gradient_of_ones) {
  ParameterStore store;
  const ParameterId w = add_parameter(store, {4});
  Tape tape;
  const Variable p = tape.parameter(store, w);
  tape.set_loss(p, tape.input(0, {DType::f32, {4}}));
  const Plan plan(tape.take(), Purpose::training);
  Bound bound(plan.graph(), 6);
  expect_same_as_naive(plan, bound);
  EXPECT_EQ(bound.gradient(w).values()[3], 1.0F);
}

TEST(Plan, a_graph_without_anything_to_learn_runs_backward_over_nothing) {
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {4, 2}});
  const RowLosses loss = mse(relu(x), tape.input(1, {DType::f32, {4, 2}}));
  tape.set_loss(loss.losses, loss.weights);
  const Plan plan(tape.take(), Purpose::training);
  EXPECT_TRUE(plan.gradients().empty());
  Bound bound(plan.graph(), 7);
  expect_same_as_naive(plan, bound);
}

TEST(Plan, an_empty_graph_is_a_plan_that_does_nothing) {
  const Plan plan(Graph{}, Purpose::training);
  Workspace workspace(plan.workspace_bytes());
  plan.forward(workspace, {});
  plan.backward(workspace, {}, [](ParameterId) { FAIL(); });
  EXPECT_EQ(plan.flops(), 0);
}

TEST(Plan, what_is_bound_must_be_there_and_fit) {
  const Plan plan(small_classifier(), Purpose::training);
  Workspace workspace(plan.workspace_bytes());
  Bound bound(plan.graph(), 8);
  Bindings bindings = bound.bindings();
  const auto whole = bindings.parameters;
  bindings.parameters = whole.first(3);
  EXPECT_THROW(plan.forward(workspace, bindings), InputError);
  bindings.parameters = {};
  EXPECT_THROW(plan.forward(workspace, bindings), InputError);
  bindings.parameters = whole;
  bindings.inputs = {};
  EXPECT_THROW(plan.forward(workspace, bindings), InputError);

  Bound other(small_classifier(9).nodes.empty() ? Graph{} : small_classifier(9), 8);
  bindings.inputs = other.bindings().inputs;
  EXPECT_THROW(plan.forward(workspace, bindings), InputError);
}

TEST(Plan, running_allocates_nothing_once_it_is_warm) {
  if (!AllocationCounter::works()) GTEST_SKIP() << "a sanitizer owns malloc";
  for (const int number : {1, 2, 3, 4}) {
    const int threads = 1 + number % 2;
    ComputePool pool(threads);
    const Plan plan(number < 3 ? every_layer() : sequence_layers(), Purpose::training);
    Bound bound(plan.graph(), 9);
    const Bindings bindings = bound.bindings();
    Workspace workspace(plan.workspace_bytes());
    const auto run = [&] {
      pool.run([&] {
        plan.forward(workspace, bindings);
        plan.backward(workspace, bindings, [](ParameterId) {});
      });
    };
    for (int i = 0; i < 20; ++i) run();
    const AllocationCounter counter;
    for (int i = 0; i < 5; ++i) run();
    EXPECT_EQ(counter.count(), 0) << threads << " threads";
  }
}

TEST(Plan, allocations_would_be_noticed) {
  if (!AllocationCounter::works()) GTEST_SKIP() << "a sanitizer owns malloc";
  const AllocationCounter counter;
  const auto something = std::make_unique<Workspace>(100);
  EXPECT_GE(counter.count(), 2);
}

void expect_same_bits_on_any_threads(const Graph& graph) {
  std::vector<Tensor> first;
  for (const int threads : {1, 2, 4}) {
    ComputePool pool(threads);
    const Plan plan(graph, Purpose::training);
    Bound bound(plan.graph(), 10);
    const Bindings bindings = bound.bindings();
    Workspace workspace = poisoned_workspace(plan);
    pool.run([&] {
      plan.forward(workspace, bindings);
      plan.backward(workspace, bindings, [](ParameterId) {});
    });
    for (std::size_t i = 0; i < plan.gradients().size(); ++i) {
      const Tensor& gradient = bound.gradient(plan.gradients()[i]);
      if (threads == 1) {
        first.push_back(gradient);
        for (const float value : gradient.values()) ASSERT_TRUE(std::isfinite(value));
      } else {
        EXPECT_TRUE(std::equal(gradient.bytes().begin(), gradient.bytes().end(),
                               first[i].bytes().begin(), first[i].bytes().end()))
            << threads << " threads, gradient " << i;
      }
    }
  }
}

TEST(Plan, bits_do_not_depend_on_the_number_of_threads) {
  expect_same_bits_on_any_threads(every_layer(40));
  expect_same_bits_on_any_threads(sequence_layers(40));
}

}  // namespace
}  // namespace raven::test
