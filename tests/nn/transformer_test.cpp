#include "raven/nn/transformer.hpp"

#include <gtest/gtest.h>

#include "nn/probe.hpp"
#include "nn/specs.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/tensor/kernels/fill.hpp"

namespace raven {
namespace {

constexpr std::int64_t width = 6;

Tensor random_rows(std::int64_t rows, std::uint64_t seed) {
  Tensor x({DType::f32, {rows, width}});
  kernels::fill_normal({.seed = seed}, rows * width, 0, 1, x.values().data());
  return x;
}

/// Output and gradient of the input, of a layer on whatever the input is.
struct Outcome {
  std::vector<float> y;
  std::vector<float> dx;
};

std::vector<float> numbers(ConstView view) { return {view.f32(), view.f32() + view.count()}; }

Outcome run_dense(const LayerSpec& spec, const Tensor& x, const Tensor& dy) {
  Probe probe;
  const std::int64_t rows = x.view().shape()[0];
  const Variable input = reshape(probe.put(x), {1, rows, width});
  const auto module = make_sequence(
      std::span(&spec, 1), {.store = probe.store(), .path = "", .input = input.type(), .seed = 3});
  probe.run(reshape(module->forward(probe.store(), input), {rows, width}), dy);
  return {numbers(probe.output()), numbers(std::as_const(probe.gradient_of_put(0)).view())};
}

Outcome run_ragged(const LayerSpec& spec, const Tensor& x, const Tensor& dy,
                   const std::vector<std::int32_t>& lengths) {
  ParameterStore store;
  const ParameterId id = store.add({.name = "x", .value = x});
  Tape tape(Tape::Mode::training, static_cast<std::int64_t>(lengths.size()));
  const Variable input = tape.parameter(store, id);
  const auto module = make_sequence(
      std::span(&spec, 1),
      {.store = store, .path = "", .input = input.type(), .seed = 3, .ragged = Ragged::sequences});
  const Variable y = module->forward(store, input);
  tape.set_prediction(y);
  const std::int64_t rows = x.view().shape()[0];
  tape.set_loss(row_sum(mul(y, tape.input(0, dy.type()))), tape.input(1, {DType::f32, {rows}}));
  const Plan plan(tape.take(), Plan::Purpose::training);
  Workspace workspace(plan.workspace_bytes());
  Tensor ones({DType::f32, {rows}});
  std::ranges::fill(ones.values(), 1.0F);
  Tensor told({DType::i32, {static_cast<std::int64_t>(lengths.size())}});
  std::ranges::copy(lengths, told.view().i32());
  const std::vector<ConstView> inputs{dy.view(), std::as_const(ones).view(),
                                      std::as_const(told).view()};
  std::vector<ConstView> parameters;
  std::vector<Tensor> gradients;
  std::vector<View> gradient_views;
  for (const Parameter& parameter : store.all()) {
    parameters.push_back(parameter.value.view());
    gradient_views.push_back(gradients.emplace_back(parameter.value.type()).view());
  }
  const Bindings bindings{.inputs = inputs,
                          .parameters = parameters,
                          .gradients = gradient_views,
                          .key = {.seed = 1, .step = 1}};
  plan.forward(workspace, bindings);
  plan.backward(workspace, bindings, [](ParameterId) {});
  return {numbers(plan.value(workspace, bindings, *plan.graph().prediction)),
          numbers(std::as_const(gradients[id.value]).view())};
}

Tensor part_of(const Tensor& whole, std::int64_t first, std::int64_t rows) {
  Tensor part({DType::f32, {rows, width}});
  std::copy_n(whole.view().f32() + first * width, rows * width, part.values().data());
  return part;
}

void expect_each_sequence_alone(const LayerSpec& spec) {
  const std::vector<std::int32_t> lengths{3, 1, 5, 2};
  const Tensor x = random_rows(11, 1);
  const Tensor dy = random_rows(11, 2);
  const Outcome together = run_ragged(spec, x, dy, lengths);
  std::int64_t first = 0;
  for (const std::int32_t length : lengths) {
    const Outcome alone = run_dense(spec, part_of(x, first, length), part_of(dy, first, length));
    for (std::int64_t i = 0; i < length * width; ++i) {
      const auto here = static_cast<std::size_t>(i);
      const auto there = static_cast<std::size_t>(first * width + i);
      EXPECT_NEAR(together.y[there], alone.y[here], 1e-5) << "from " << first << ": " << i;
      EXPECT_NEAR(together.dx[there], alone.dx[here], 1e-5) << "from " << first << ": " << i;
    }
    first += length;
  }
}

LayerSpec with_heads(const char* name, std::vector<std::pair<std::string, OptionValue>> options) {
  options.emplace_back("heads", std::int64_t{2});
  return layer(name, std::move(options));
}

TEST(RaggedAttention, is_attention_of_each_sequence_alone) {
  expect_each_sequence_alone(with_heads("multi_head_attention", {}));
  expect_each_sequence_alone(with_heads("multi_head_attention", {{"causal", true}}));
}

TEST(RaggedAttention, serves_blocks_as_it_serves_layers) {
  expect_each_sequence_alone(with_heads("transformer_encoder", {{"count", std::int64_t{2}}}));
  expect_each_sequence_alone(with_heads("transformer_decoder", {{"norm", std::string("post")}}));
}

TEST(RaggedPositions, are_counted_in_each_sequence) {
  expect_each_sequence_alone(layer("positions", {{"kind", std::string("sinusoidal")}}));
}

TEST(RaggedAttention, refuses_what_needs_samples_of_one_length) {
  const LayerSpec spec = with_heads("multi_head_attention", {{"positions", std::string("rotary")}});
  ParameterStore store;
  EXPECT_THROW((void)make_sequence(std::span(&spec, 1), {.store = store,
                                                         .path = "",
                                                         .input = {DType::f32, {5, width}},
                                                         .ragged = Ragged::sequences}),
               InputError);
}

TEST(Decoder, with_attention_to_a_memory_refuses_to_go_without) {
  Probe probe;
  const Variable x = reshape(probe.put(random_rows(4, 1)), {2, 2, width});
  const auto decoder = make_transformer_decoder(
      {.store = probe.store(), .path = "", .input = x.type()}, {.attention = {.heads = 2}}, width);
  EXPECT_THROW((void)decoder->forward(probe.store(), x), InputError);
}

}  // namespace
}  // namespace raven
