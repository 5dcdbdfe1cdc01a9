#include "raven/graph/graph.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "graph/nets.hpp"
#include "raven/core/error.hpp"
#include "raven/core/random.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/plan.hpp"
#include "source_tree.hpp"

namespace raven::test {
namespace {

TEST(Graph, graphs_round_trip) {
  std::vector<Graph> graphs = {Graph{}, small_classifier(), every_layer()};
  for (std::uint64_t seed = 0; seed < 50; ++seed) graphs.push_back(random_graph(seed, 20));
  for (const Graph& graph : graphs) {
    const Bytes bytes = encode(graph);
    const Graph again = decode_graph(bytes);
    EXPECT_EQ(encode(again), bytes);
    ASSERT_EQ(again.nodes.size(), graph.nodes.size());
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      EXPECT_EQ(again.nodes[n].outputs, graph.nodes[n].outputs);
      EXPECT_EQ(again.nodes[n].saved, graph.nodes[n].saved);
      EXPECT_EQ(again.nodes[n].trainable, graph.nodes[n].trainable);
    }
  }
}

/// The golden bytes were written by format 1; every later version must read them as the same graph.
TEST(Graph, golden_bytes_of_format_1_are_still_read_and_written) {
  std::ifstream file(RAVEN_TEST_DATA "/graph/golden/small_classifier.v1.graph", std::ios::binary);
  ASSERT_TRUE(file.good());
  const std::vector<char> raw((std::istreambuf_iterator<char>(file)), {});
  const auto golden = std::as_bytes(std::span(raw));
  EXPECT_EQ(Bytes(golden.begin(), golden.end()), encode(small_classifier()));
  const Graph graph = decode_graph(golden);
  EXPECT_EQ(graph.nodes.size(), 10U);
  EXPECT_EQ(graph.metrics.front().name, "accuracy");
  EXPECT_EQ(to_hex(digest_of(graph)),
            "895a882afb364014ac505d4e143328fe5893fe9ab68467f99de037591ea7501e");
}

/// y = f(x, state), and a state made of both.
Graph with_state() {
  Tape tape;
  const Variable state = tape.input(slot_state, {DType::f32, {2, 3}});
  const Variable x = tape.input(slot_features, {DType::f32, {2, 3}});
  tape.set_prediction(add(x, state));
  tape.set_state(sub(x, state));
  return tape.take();
}

TEST(Graph, a_state_makes_it_format_2_and_round_trips) {
  const Graph graph = with_state();
  const Bytes bytes = encode(graph);
  EXPECT_EQ(bytes[4], std::byte{2});
  const Graph again = decode_graph(bytes);
  EXPECT_EQ(again.state, graph.state);
  EXPECT_EQ(encode(again), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(static_cast<void>(decode_graph(ByteSpan(bytes).first(size))), InputError) << size;
  }
}

TEST(Graph, a_state_has_its_input_and_its_type) {
  const auto broken = [&](auto change) {
    Graph graph = with_state();
    change(graph);
    EXPECT_THROW(check(graph), InputError);
  };
  check(with_state());
  broken([](Graph& g) { g.state.reset(); });
  broken([](Graph& g) { g.nodes[0].slot = slot_lengths; });
  broken([](Graph& g) { g.state = ValueRef{9, 0}; });
  broken([](Graph& g) { g.nodes[0].outputs[0].shape = {3, 2}; });
  broken([](Graph& g) {
    for (Node& node : g.nodes) {
      for (ValueType& type : node.outputs) type.shape = {6};
    }
  });
}

TEST(Graph, bytes_cut_short_anywhere_are_an_input_error) {
  const Bytes bytes = encode(small_classifier());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(static_cast<void>(decode_graph(ByteSpan(bytes).first(size))), InputError) << size;
  }
  Bytes longer = bytes;
  longer.push_back({});
  EXPECT_THROW(static_cast<void>(decode_graph(longer)), InputError);
}

/// Decodes; what is accepted must be canonical, and a plan must be able to handle it.
bool accepted(ByteSpan bytes) {
  Graph graph;
  try {
    graph = decode_graph(bytes, {.nodes = 1000, .value_bytes = 1U << 30U});
  } catch (const InputError&) {
    return false;
  }
  const Bytes again = encode(graph);
  EXPECT_TRUE(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  const Plan plan(graph, Plan::Purpose::training);
  EXPECT_LE(plan.workspace_bytes(), std::size_t{6} << 30U);
  return true;
}

TEST(Graph, damaged_bytes_are_rejected_or_a_valid_graph) {
  int rejected = 0;
  int valid = 0;
  for (const Graph& graph :
       {small_classifier(), every_layer(), random_graph(4, 15), with_state()}) {
    const Bytes bytes = encode(graph);
    RandomStream random({.seed = 12});
    const auto size = static_cast<std::uint32_t>(bytes.size());
    for (int round = 0; round < 6000; ++round) {
      Bytes damaged = bytes;
      for (std::uint32_t changes = 1 + random.below(3); changes > 0; --changes) {
        const std::uint32_t at = random.below(size);
        switch (random.below(4)) {
          case 0:
            damaged[at] = static_cast<std::byte>(random.next());
            break;
          case 1:
            damaged[at] ^= static_cast<std::byte>(1U << random.below(8));
            break;
          case 2:  // a run of bytes from elsewhere
            for (std::uint32_t i = 0; i < 8 && at + i < size; ++i) {
              damaged[at + i] = bytes[(at + 57 + i) % size];
            }
            break;
          default:
            damaged[at] = random.below(2) == 0 ? std::byte{0xFF} : std::byte{0};
        }
      }
      accepted(damaged) ? ++valid : ++rejected;
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(rejected, 5000);
  EXPECT_GT(valid, 100) << "damage to names and numbers of slots does no harm";
}

TEST(Graph, a_small_message_cannot_demand_a_huge_memory) {
  Tape tape;
  Variable x = tape.input(0, {DType::f32, {1 << 15, 1 << 15}});
  for (int i = 0; i < 10; ++i) x = add(x, x);
  tape.set_prediction(x);
  const Bytes bytes = encode(tape.graph());
  EXPECT_LT(bytes.size(), 1000U);
  EXPECT_EQ(decode_graph(bytes).nodes.size(), 11U) << "44 GiB are within the default limit";
  EXPECT_THROW(static_cast<void>(decode_graph(bytes, {.value_bytes = std::uint64_t{4} << 30U})),
               InputError);
}

TEST(Graph, limits_on_nodes_and_inputs_hold) {
  Tape tape;
  Variable x = tape.input(0, {DType::f32, {2}});
  for (int i = 0; i < 99; ++i) x = negate(x);
  const std::vector<Variable> parts(20, x);
  tape.set_prediction(concat(parts));
  const Bytes bytes = encode(tape.graph());
  EXPECT_EQ(decode_graph(bytes, {.nodes = 101, .inputs = 20}).nodes.size(), 101U);
  EXPECT_THROW(static_cast<void>(decode_graph(bytes, {.nodes = 100})), InputError);
  EXPECT_THROW(static_cast<void>(decode_graph(bytes, {.inputs = 19})), InputError);
}

TEST(Graph, check_finds_what_no_tape_would_record) {
  const Graph good = small_classifier();
  check(good);
  const auto broken = [&](auto change) {
    Graph graph = good;
    change(graph);
    EXPECT_THROW(check(graph), InputError);
    EXPECT_THROW(Plan(graph, Plan::Purpose::training), InputError);
  };
  broken([](Graph& g) { g.weights.reset(); });
  broken([](Graph& g) { g.losses.reset(); });
  broken([](Graph& g) { g.losses = ValueRef{99, 0}; });
  broken([](Graph& g) { g.losses = ValueRef{0, 0}; });
  broken([](Graph& g) { g.prediction = ValueRef{1, 0}; });
  broken([](Graph& g) { g.metrics[0].value = {2, 1}; });
  broken([](Graph& g) { g.nodes[2].slot = g.nodes[3].slot; });
  broken([](Graph& g) { g.nodes[1].slot = 0; });
  broken([](Graph& g) { g.nodes[0].slot = max_input_slots; });
  broken([](Graph& g) {
    for (Node& node : g.nodes) {
      for (ValueRef& ref : node.inputs) ref.node = 9;
    }
  });
  broken([](Graph& g) { g.statistics.push_back({{7}, {2, 0}, 1.5}); });
}

}  // namespace
}  // namespace raven::test
