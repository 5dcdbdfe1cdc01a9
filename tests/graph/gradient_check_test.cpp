#include "graph/gradient_check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "raven/core/error.hpp"
#include "raven/graph/graph.hpp"

namespace raven::test {
namespace {

TEST(GradientCheck, every_op_agrees_with_its_reference_and_its_central_differences) {
  for (const OpCase& one : all_op_cases()) {
    check_op(one);
    if (HasFatalFailure()) return;
  }
}

TEST(GradientCheck, every_op_has_cases) {
  std::map<std::string_view, int> cases;
  const auto all = all_op_cases();
  for (const OpCase& one : all) ++cases[one.op];
  for (const OpDef* op : op_table()) {
    EXPECT_GE(cases[op->name], 2) << op->name << " needs a case in tests/graph/ops";
  }
}

/// Calls of these never join: they know rows by number, or look at all of them.
constexpr std::string_view unjoined[] = {"dropout", "batch_norm", "pick", "scatter"};

TEST(JoinCheck, calls_joined_by_rows_give_what_they_give_apart) {
  std::map<std::string_view, int> joined;
  const auto all = all_op_cases();
  for (const OpCase& one : all) {
    joined[one.op] += check_join(one) ? 1 : 0;
    if (HasFatalFailure()) return;
  }
  for (const OpDef* op : op_table()) {
    EXPECT_EQ(joined[op->name] > 0, std::ranges::count(unjoined, op->name) == 0) << op->name;
  }
}

TEST(OpTable, names_are_unique_and_found) {
  std::set<std::string_view> names;
  for (const OpDef* op : op_table()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name << " is there twice";
    EXPECT_EQ(find_op(op->name), op);
    EXPECT_EQ(op->forward == nullptr, op->aliases_input) << op->name;
  }
  EXPECT_EQ(find_op("no_such_op"), nullptr);
  EXPECT_EQ(find_op(""), nullptr);
}

/// The case as a graph: its inputs as parameters, and the call.
Graph as_graph(const OpCase& one) {
  Graph graph;
  Node call;
  call.kind = Node::Kind::call;
  call.op = find_op(one.op);
  call.attributes = one.attributes;
  std::vector<ValueType> types;
  for (std::uint32_t i = 0; i < one.inputs.size(); ++i) {
    Node& node = graph.nodes.emplace_back();
    node.kind = Node::Kind::parameter;
    node.slot = i;
    node.trainable = one.inputs[i].type.dtype == DType::f32;
    node.outputs = {one.inputs[i].type};
    types.push_back(one.inputs[i].type);
    call.inputs.push_back({i, 0});
  }
  CallTypes made = call.op->infer(types, call.attributes);
  call.outputs = made.outputs;
  call.saved = made.saved;
  graph.nodes.push_back(call);
  graph.prediction = ValueRef{static_cast<std::uint32_t>(one.inputs.size()), 0};
  return graph;
}

TEST(OpTable, every_op_round_trips_through_the_codec) {
  for (const OpCase& one : all_op_cases()) {
    SCOPED_TRACE(one.op + ": " + one.title);
    const Graph graph = as_graph(one);
    if (type_of(graph, *graph.prediction).dtype != DType::f32) continue;
    const Bytes bytes = encode(graph);
    const Graph again = decode_graph(bytes);
    EXPECT_EQ(encode(again), bytes);
    EXPECT_EQ(again.nodes.back().op, graph.nodes.back().op);
    EXPECT_EQ(again.nodes.back().attributes, graph.nodes.back().attributes);
    EXPECT_EQ(again.nodes.back().outputs, graph.nodes.back().outputs);
    EXPECT_EQ(again.nodes.back().saved, graph.nodes.back().saved);
  }
}

/// Missing, mistyped and absurd attributes, and inputs of other numbers, types and shapes.
TEST(OpTable, infer_rejects_nonsense_with_an_input_error) {
  const std::vector<Attributes::Value> absurd = {
      std::int64_t{-1},
      std::int64_t{0},
      std::numeric_limits<std::int64_t>::max(),
      std::numeric_limits<std::int64_t>::min(),
      std::numeric_limits<double>::infinity(),
      -1.0e300,
      std::string("no such thing"),
      std::vector<std::int64_t>{},
      std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max(), 1},
      std::vector<std::int64_t>{0, -5},
      std::vector<double>{-1.0, std::numeric_limits<double>::infinity()}};
  const std::vector<ValueType> odd = {{DType::i32, {}},
                                      {DType::f32, {}},
                                      {DType::f32, {1}},
                                      {DType::i32, {3, 3}},
                                      {DType::f32, {1, 1, 1, 1, 1, 1}},
                                      {DType::f32, {1 << 30, 1 << 10}}};
  int thrown = 0;
  const auto try_it = [&](const OpDef& op, const std::vector<ValueType>& types,
                          const Attributes& attributes) {
    try {
      for (const ValueType& type : op.infer(types, attributes).outputs) {
        EXPECT_GE(type.shape.count(), 1) << op.name;
        EXPECT_LE(type.shape.count(), std::int64_t{1} << 40) << op.name;
      }
    } catch (const InputError& error) {
      EXPECT_NE(error.problem().find(op.name), std::string::npos) << error.what();
      ++thrown;
    }
  };
  for (const OpCase& one : all_op_cases()) {
    const OpDef& op = *find_op(one.op);
    std::vector<ValueType> types;
    for (const CaseInput& input : one.inputs) types.push_back(input.type);
    for (const auto& [key, value] : one.attributes.entries()) {
      for (const Attributes::Value& bad : absurd) {
        Attributes changed = one.attributes;
        try_it(op, types, changed.set(key, bad));
      }
    }
    if (!one.attributes.entries().empty()) try_it(op, types, {});
    for (std::size_t i = 0; i < types.size(); ++i) {
      for (const ValueType& bad : odd) {
        auto changed = types;
        changed[i] = bad;
        try_it(op, changed, one.attributes);
      }
    }
    for (std::size_t few = 0; few < types.size(); ++few) {
      try_it(op, {types.begin(), types.begin() + static_cast<std::ptrdiff_t>(few)}, one.attributes);
    }
    auto many = types;
    many.resize(many.size() + 7, {DType::f32, {2}});
    try_it(op, many, one.attributes);
  }
  EXPECT_GT(thrown, 500);
}

}  // namespace
}  // namespace raven::test
