#include "nn/golden_runs.hpp"

#include <functional>
#include <map>

#include "raven/graph/ops/activation.hpp"
#include "raven/graph/ops/attention.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/norm.hpp"
#include "raven/graph/ops/recurrent.hpp"
#include "raven/graph/ops/segment.hpp"
#include "raven/graph/ops/tree.hpp"
#include "raven/nn/transformer.hpp"

namespace raven::golden {
namespace {

LayerSpec layer_spec(const Json& layer) {
  const auto name = layer.at("layer").get<std::string>();
  const ModuleDef* def = find_module(name);
  expects(def != nullptr, "a golden case names a layer of the table");
  LayerSpec spec{.layer = {.type = name,
                           .options = options_of(def->options, layer.at("options")),
                           .place = {}},
                 .block = {}};
  for (const Json& inner : layer.value("block", Json::array())) {
    spec.block.push_back(layer_spec(inner));
  }
  return spec;
}

Ragged ragged_of(const Json& test_case) {
  const std::string rows = test_case.value("ragged", "no");
  if (rows == "no") return Ragged::no;
  return rows == "sequences" ? Ragged::sequences : rows == "trees" ? Ragged::trees : Ragged::nodes;
}

std::optional<ParameterId> parameter_named(const ParameterStore& store, const std::string& name) {
  for (std::uint32_t id = 0; id < store.size(); ++id) {
    if (store[ParameterId{id}].name == name) return ParameterId{id};
  }
  ADD_FAILURE() << "the layer has no parameter " << name;
  return std::nullopt;
}

void expect_statistics(const Probe& probe, const ParameterStore& store, const Json& test_case) {
  const bool training = test_case.at("mode") == "training";
  EXPECT_EQ(probe.graph().statistics.size(), training ? test_case.at("statistics").size() : 0U);
  for (const Statistic& statistic : probe.graph().statistics) {
    const Parameter& parameter = store[statistic.into];
    EXPECT_FALSE(parameter.trainable);
    const ConstView fresh = probe.value(statistic.value);
    // As the master merges it.
    Tensor merged = parameter.value.clone();
    const auto momentum = static_cast<float>(statistic.momentum);
    for (std::int64_t i = 0; i < fresh.count(); ++i) {
      float& running = merged.values()[static_cast<std::size_t>(i)];
      running = (1.0F - momentum) * running + momentum * fresh.f32()[i];
    }
    expect_near(std::as_const(merged).view(), test_case.at("statistics").at(parameter.name),
                parameter.name);
  }
}

using Inputs = std::vector<Variable>;
using OpMaker = std::function<Variable(const Inputs&, const Json&)>;

OpMaker one(Variable (*op)(Variable)) {
  return [op](const Inputs& in, const Json&) { return op(in.at(0)); };
}
/// The second operand is the first again if there is only one.
OpMaker two(Variable (*op)(Variable, Variable)) {
  return [op](const Inputs& in, const Json&) { return op(in.front(), in.back()); };
}

Variable side_by_side(const CellState& state) {
  const Variable parts[] = {state.h, state.c};
  return concat(parts);
}

Direction direction_of(const Json& options) {
  return options.at("reverse").get<bool>() ? Direction::reverse : Direction::forward;
}

const std::map<std::string, OpMaker>& op_makers() {
  static const std::map<std::string, OpMaker> makers{
      {"add", two(add)},
      {"sub", two(sub)},
      {"mul", two(mul)},
      {"div", two(div)},
      {"matmul", two(matmul)},
      {"negate", one(negate)},
      {"exp", one(exp)},
      {"log", one(log)},
      {"sqrt", one(sqrt)},
      {"square", one(square)},
      {"abs", one(abs)},
      {"log_softmax", one(log_softmax)},
      {"to_f32", one(to_f32)},
      {"row_sum", one(row_sum)},
      {"row_mean", one(row_mean)},
      {"scale", [](const Inputs& in,
                   const Json& o) { return scale(in.at(0), o.at("factor").get<double>()); }},
      {"clamp",
       [](const Inputs& in, const Json& o) {
         return clamp(in.at(0), o.at("low").get<double>(), o.at("high").get<double>());
       }},
      {"concat",
       [](const Inputs& in, const Json& o) {
         return o.contains("axis") ? concat(in, o.at("axis").get<std::size_t>()) : concat(in);
       }},
      {"gather", two(gather)},
      {"pick",
       [](const Inputs& in, const Json& o) {
         std::vector<RowRun> runs;
         const Json& list = o.at("runs");
         for (std::size_t i = 0; i < list.size(); i += 3) {
           runs.push_back({list[i], list[i + 1], list[i + 2]});
         }
         return pick(in, runs);
       }},
      {"tree_lstm",
       [](const Inputs& in, const Json& o) {
         const Trees trees{in.at(1), in.at(2)};
         const TreeWeights weights{in.at(3), in.at(4)};
         const auto children = o.at("children").get<std::int64_t>();
         return in.size() == 6 ? tree_lstm_of_leaves(in[0], trees, weights, in[5], children)
                               : tree_lstm(in[0], trees, weights, children);
       }},
      {"lstm_cell",
       [](const Inputs& in, const Json&) { return side_by_side(lstm_cell(in.at(0), in.at(1))); }},
      {"tree_lstm_leaf",
       [](const Inputs& in, const Json&) { return side_by_side(tree_lstm_leaf(in.at(0))); }},
      {"tree_lstm_cell",
       [](const Inputs& in, const Json&) {
         const CellState children[] = {{in.at(0), in.at(1)}, {in.at(2), in.at(3)}};
         return side_by_side(tree_lstm_cell(children, {in.at(4), in.at(5)}, in.at(6)));
       }},
      {"segment_sum", two(segment_sum)},
      {"segment_mean", two(segment_mean)},
      {"segment_max", two(segment_max)},
      {"first_rows", two(first_rows)},
      {"last_rows", two(last_rows)},
      {"scatter",
       [](const Inputs& in, const Json& o) {
         return scatter(in.at(0), in.at(1), o.at("entries").get<std::int64_t>());
       }},
      {"masked_fill",
       [](const Inputs& in, const Json& o) {
         return masked_fill(in.at(0), in.at(1), o.at("value").get<double>());
       }},
      {"ragged_rnn",
       [](const Inputs& in, const Json& o) {
         return ragged_rnn(in.at(0), in.at(1), in.at(2), direction_of(o));
       }},
      {"ragged_gru",
       [](const Inputs& in, const Json& o) {
         return ragged_gru(in.at(0), in.at(1), in.at(2), in.at(3), direction_of(o));
       }},
      {"ragged_lstm",
       [](const Inputs& in, const Json& o) {
         return ragged_lstm(in.at(0), in.at(1), in.at(2), direction_of(o));
       }},
      {"attention",
       [](const Inputs& in, const Json& o) {
         return attention(
             in.at(0), in.at(1), in.at(2), in.size() > 3 ? in[3] : Variable(),
             {.heads = o.at("heads").get<std::int64_t>(), .causal = o.at("causal").get<bool>()});
       }},
      {"sequence_positions",
       [](const Inputs& in, const Json&) {
         return to_f32(sequence_positions(in.at(0), in.at(1)));
       }},
      {"add_sinusoidal",
       [](const Inputs& in, const Json&) { return add_sinusoidal_positions(in.at(0), in.at(1)); }},
      {"ragged_attention",
       [](const Inputs& in, const Json& o) {
         return ragged_attention(
             in.at(0), in.at(1),
             {.heads = o.at("heads").get<std::int64_t>(), .causal = o.at("causal").get<bool>()});
       }},
      {"slice",
       [](const Inputs& in, const Json& o) {
         const auto first = o.at("first").get<std::int64_t>();
         const auto count = o.at("count").get<std::int64_t>();
         return o.contains("axis") ? slice(in.at(0), o.at("axis").get<std::size_t>(), first, count)
                                   : slice(in.at(0), first, count);
       }},
      {"sum", [](const Inputs& in,
                 const Json& o) { return sum(in.at(0), o.at("axis").get<std::size_t>()); }},
      {"mean", [](const Inputs& in,
                  const Json& o) { return mean(in.at(0), o.at("axis").get<std::size_t>()); }},
      {"embedding",
       [](const Inputs& in, const Json& o) {
         return embedding(in.at(0), in.at(1), o.at("padding_index").get<std::int64_t>());
       }},
      {"layer_norm",
       [](const Inputs& in, const Json&) {
         return in.size() == 1 ? layer_norm(in[0]) : layer_norm(in.at(0), in.at(1), in.at(2));
       }},
  };
  return makers;
}

}  // namespace

std::string describe(const Json& test_case) {
  Json shown = Json::object();
  for (const char* key : {"layer", "loss", "op", "module", "options", "mode"}) {
    if (test_case.contains(key)) shown[key] = test_case.at(key);
  }
  return shown.dump();
}

Graph run_layer(const Json& test_case) {
  SCOPED_TRACE(describe(test_case));
  const bool training = test_case.at("mode") == "training";
  const Json slots = test_case.value("slots", Json::object());
  const std::int64_t samples = ragged_of(test_case) == Ragged::no
                                   ? 1
                                   : tensor_of(slots.at(std::to_string(slot_lengths))).count();
  Probe probe(training ? Tape::Mode::training : Tape::Mode::inference, samples);
  ParameterStore& store = probe.store();
  for (const auto& [slot, value] : slots.items()) {
    probe.put_at(static_cast<std::uint32_t>(std::stoul(slot)), tensor_of(value));
  }
  const Variable input = probe.put(tensor_of(test_case.at("input")));
  const LayerSpec spec = layer_spec(test_case);
  std::int64_t carried = 0;
  const auto module = find_module(spec.layer.type)
                          ->make({.store = store,
                                  .path = "",
                                  .input = input.type(),
                                  .seed = 1,
                                  .block = spec.block,
                                  .ragged = ragged_of(test_case),
                                  .carried = &carried},
                                 spec.layer.options);
  const Json& parameters = test_case.at("parameters");
  // The input is a parameter too if it has a gradient.
  EXPECT_EQ(store.size(), parameters.size() + (input.type().dtype == DType::f32 ? 1U : 0U));
  for (const auto& [name, value] : parameters.items()) {
    const auto id = parameter_named(store, name);
    if (!id) return {};
    const Tensor given = tensor_of(value);
    EXPECT_EQ(store[*id].value.type(), given.type()) << name;
    store.replace(*id, given, 0);
  }
  const Variable output = module->forward(store, input);
  EXPECT_EQ(carried, probe.tape().state_size());
  if (carried > 0) probe.tape().set_state(concat(probe.tape().state_parts()));
  probe.run(output, tensor_of(test_case.at("output_gradient")));
  expect_near(probe.output(), test_case.at("output"), "output");
  if (test_case.contains("input_gradient")) {
    expect_near(std::as_const(probe.gradient_of_put(0)).view(), test_case.at("input_gradient"),
                "gradient of the input");
  }
  for (const auto& [name, value] : test_case.at("parameter_gradients").items()) {
    const auto id = parameter_named(store, name);
    expect_near(std::as_const(probe.gradient(*id)).view(), value, "gradient of " + name);
  }
  if (carried > 0) {
    expect_near(probe.value(*probe.graph().state), test_case.at("state"), "state that goes on");
  }
  if (test_case.contains("statistics")) expect_statistics(probe, store, test_case);
  return probe.graph();
}

Graph run_loss(const Json& test_case) {
  SCOPED_TRACE(describe(test_case));
  Probe probe;
  const Variable prediction = probe.put(tensor_of(test_case.at("prediction")));
  const Variable targets = probe.put_input(tensor_of(test_case.at("targets")));
  const LossDef* def = find_loss(test_case.at("loss").get<std::string>());
  expects(def != nullptr, "a golden case names a loss of the table");
  probe.tape().set_prediction(prediction);
  def->record(prediction, targets, options_of(def->options, test_case.at("options")));
  probe.run_recorded(true);
  const Graph& graph = probe.graph();
  const double weight = probe.sum(*graph.weights);
  const auto mean = test_case.at("mean").get<double>();
  EXPECT_NEAR(probe.sum(*graph.losses) / weight, mean, 1e-6 * (1 + std::abs(mean)));
  Tensor gradient = probe.gradient_of_put(0).clone();
  for (float& value : gradient.values()) value = static_cast<float>(double{value} / weight);
  expect_near(std::as_const(gradient).view(), test_case.at("gradient"), "gradient of the mean");
  const Json& metrics = test_case.at("metrics");
  EXPECT_EQ(graph.metrics.size(), metrics.size());
  for (const Metric& metric : graph.metrics) {
    EXPECT_NEAR(probe.sum(metric.value), metrics.at(metric.name).get<double>(), 1e-5)
        << metric.name;
  }
  return graph;
}

namespace {

std::unique_ptr<MemoryModule> memory_module(const Json& test_case, const ModuleContext& context,
                                            std::int64_t memory_width) {
  const Json& options = test_case.at("options");
  const AttentionSettings attention{.heads = options.at("heads").get<std::int64_t>()};
  if (test_case.at("module") == "cross_attention") {
    return make_cross_attention(context, attention, memory_width);
  }
  return make_transformer_decoder(context,
                                  {.attention = attention,
                                   .count = options.at("count").get<std::int64_t>(),
                                   .hidden = options.at("hidden").get<std::int64_t>(),
                                   .norm_first = options.at("norm") == "pre",
                                   .epsilon = options.at("epsilon").get<double>()},
                                  memory_width);
}

}  // namespace

Graph run_memory(const Json& test_case) {
  SCOPED_TRACE(describe(test_case));
  Probe probe;
  ParameterStore& store = probe.store();
  const Variable x = probe.put(tensor_of(test_case.at("input")));
  const Variable memory = probe.put(tensor_of(test_case.at("memory")));
  const Variable lengths =
      test_case.contains("lengths") ? probe.put(tensor_of(test_case.at("lengths"))) : Variable();
  const auto module = memory_module(
      test_case, {.store = store, .path = "", .input = x.type(), .seed = 1}, memory.shape().back());
  const Json& parameters = test_case.at("parameters");
  EXPECT_EQ(store.size(), parameters.size() + 2);
  for (const auto& [name, value] : parameters.items()) {
    const auto id = parameter_named(store, name);
    if (!id) return {};
    EXPECT_EQ(store[*id].value.type(), tensor_of(value).type()) << name;
    store.replace(*id, tensor_of(value), 0);
  }
  probe.run(module->forward(store, x, memory, lengths), tensor_of(test_case.at("output_gradient")));
  expect_near(probe.output(), test_case.at("output"), "output");
  expect_near(std::as_const(probe.gradient_of_put(0)).view(), test_case.at("input_gradient"),
              "gradient of the input");
  expect_near(std::as_const(probe.gradient_of_put(1)).view(), test_case.at("memory_gradient"),
              "gradient of the memory");
  for (const auto& [name, value] : test_case.at("parameter_gradients").items()) {
    const ConstView gradient = std::as_const(probe.gradient(*parameter_named(store, name))).view();
    if (name.ends_with("key.bias")) {
      // It adds one number to all scores of a query, which changes no share: what is there is
      // rounding.
      for (std::int64_t c = 0; c < gradient.count(); ++c) EXPECT_NEAR(gradient.f32()[c], 0, 1e-6);
      continue;
    }
    expect_near(gradient, value, "gradient of " + name);
  }
  return probe.graph();
}

Graph run_op(const Json& test_case) {
  SCOPED_TRACE(describe(test_case));
  Probe probe;
  Inputs inputs;
  for (const Json& value : test_case.at("inputs")) inputs.push_back(probe.put(tensor_of(value)));
  const Variable output =
      op_makers().at(test_case.at("op").get<std::string>())(inputs, test_case.at("options"));
  const bool differentiable = test_case.contains("output_gradient");
  probe.run(output, differentiable ? tensor_of(test_case.at("output_gradient")) : Tensor());
  expect_near(probe.output(), test_case.at("output"), "output");
  std::size_t put = 0;
  for (const Json& gradient : test_case.value("input_gradients", Json::array())) {
    if (gradient.is_null()) continue;
    expect_near(std::as_const(probe.gradient_of_put(put)).view(), gradient,
                "gradient of input " + std::to_string(put));
    ++put;
  }
  return probe.graph();
}

}  // namespace raven::golden
