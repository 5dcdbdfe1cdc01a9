#include "raven/cluster/gateway_sums.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>

#include "cluster/box.hpp"
#include "raven/cluster/protocol.hpp"
#include "raven/snippet/tree.hpp"

namespace raven {
namespace {

constexpr std::uint64_t work = 7;
constexpr ParameterId parameter{3};

Blob body_of(const std::vector<float>& numbers) {
  Bytes bytes(numbers.size() * sizeof(float));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return Blob(std::move(bytes));
}

float number_in(const Blob& body) {
  float number = 0;
  EXPECT_EQ(body.size(), sizeof number);
  std::memcpy(&number, body.bytes().data(), std::min(body.size(), sizeof number));
  return number;
}

/// What reaches the master through a gateway that is played by hand.
struct Played {
  SnippetRange root;
  std::unique_ptr<Passage> passage = make_gateway_sums();
  std::vector<Passage::Inward> inward = {};

  void leases(std::uint32_t peer, SnippetRange node, Purpose purpose = Purpose::train,
              std::uint64_t of = work) {
    const Lease lease{.work = of, .purpose = purpose, .node = node, .root = root};
    passage->outward({peer}, encode(lease).head, inward);
  }
  bool says(std::uint32_t peer, const AnyMessage& message, Blob body = {}) {
    return passage->inward({peer}, encode(message, std::move(body)), inward);
  }
  void brings(std::uint32_t peer, SnippetRange node, float gradient) {
    EXPECT_TRUE(says(peer, GradientMessage{work, node, parameter}, body_of({gradient})));
  }
  void loses(std::uint32_t peer) { passage->lost({peer}, inward); }

  template <class M>
  [[nodiscard]] std::vector<std::pair<M, Blob>> all() const {
    std::vector<std::pair<M, Blob>> found;
    for (const auto& [from, message] : inward) {
      const std::optional<AnyMessage> decoded = decode(message.head);
      if (decoded && std::holds_alternative<M>(*decoded)) {
        found.emplace_back(std::get<M>(*decoded), message.body);
      }
    }
    return found;
  }
  [[nodiscard]] std::size_t withheld() const {
    const auto gradients = all<GradientMessage>();
    return static_cast<std::size_t>(std::count_if(gradients.begin(), gradients.end(),
                                                  [](const auto& g) { return g.first.withheld; }));
  }
  [[nodiscard]] std::size_t passed_on() const { return all<GradientMessage>().size() - withheld(); }
};

TEST(GatewaySums, siblings_become_one_sum_whoever_comes_first) {
  for (const bool left_first : {true, false}) {
    Played played{{0, 4}};
    played.leases(1, {0, 2});
    played.leases(2, {2, 2});
    if (left_first) played.brings(1, {0, 2}, 1.5F);
    if (!left_first) played.brings(2, {2, 2}, 0.25F);
    EXPECT_TRUE(played.all<SumMessage>().empty());
    if (left_first) played.brings(2, {2, 2}, 0.25F);
    if (!left_first) played.brings(1, {0, 2}, 1.5F);
    const auto sums = played.all<SumMessage>();
    ASSERT_EQ(sums.size(), 1U);
    EXPECT_EQ(sums[0].first.node, played.root);
    EXPECT_EQ(sums[0].first.parameter, parameter);
    EXPECT_EQ(number_in(sums[0].second), 1.75F);
    EXPECT_EQ(played.withheld(), 2U);
    EXPECT_EQ(played.passed_on(), 0U);
  }
}

TEST(GatewaySums, what_is_not_finite_goes_on_as_it_came_and_nothing_waits_for_it) {
  Played played{{0, 4}};
  played.leases(1, {0, 2});
  played.leases(2, {2, 2});
  played.brings(1, {0, 2}, 1.5F);
  EXPECT_EQ(played.withheld(), 1U);
  played.brings(2, {2, 2}, std::numeric_limits<float>::infinity());
  EXPECT_EQ(played.passed_on(), 1U);
  const auto sums = played.all<SumMessage>();
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].first.node, (SnippetRange{0, 2}));
  EXPECT_EQ(number_in(sums[0].second), 1.5F);
}

TEST(GatewaySums, numbers_whose_sum_is_beyond_all_numbers_go_on_one_by_one) {
  Played played{{0, 4}};
  played.leases(1, {0, 2});
  played.leases(2, {2, 2});
  played.brings(1, {0, 2}, 3e38F);
  played.brings(2, {2, 2}, 2e38F);
  EXPECT_EQ(played.withheld(), 2U);
  const auto sums = played.all<SumMessage>();
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_EQ(number_in(sums[0].second) + number_in(sums[1].second),
            std::numeric_limits<float>::infinity());
}

TEST(GatewaySums, what_has_no_sibling_here_goes_on_as_it_came) {
  Played played{{0, 4}};
  played.leases(1, {0, 1});
  played.leases(2, {2, 2});
  played.brings(1, {0, 1}, 1);
  played.brings(2, {2, 2}, 2);
  EXPECT_EQ(played.passed_on(), 2U);
  EXPECT_EQ(played.withheld(), 0U);
}

TEST(GatewaySums, nobody_waits_for_one_who_is_lost_and_what_it_brought_stays) {
  Played played{{0, 2}};
  played.leases(1, {0, 1});
  played.leases(2, {1, 1});
  played.brings(1, {0, 1}, 4);
  EXPECT_EQ(played.withheld(), 1U);
  played.loses(2);
  const auto sums = played.all<SumMessage>();
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].first.node, (SnippetRange{0, 1}));

  Played other{{0, 2}};
  other.leases(1, {0, 1});
  other.leases(2, {1, 1});
  other.brings(1, {0, 1}, 4);
  other.loses(1);
  other.brings(2, {1, 1}, 5);
  ASSERT_EQ(other.all<SumMessage>().size(), 1U);
  EXPECT_EQ(number_in(other.all<SumMessage>()[0].second), 9);
  EXPECT_EQ(other.inward.back().from, Passage::gateway);
}

TEST(GatewaySums, the_master_may_want_what_there_is) {
  Played played{{0, 4}};
  for (std::uint32_t i = 0; i < 4; ++i) played.leases(i + 1, {i, 1});
  played.brings(1, {0, 1}, 1);
  played.brings(2, {1, 1}, 2);
  played.passage->outward(Passage::gateway, encode(SendOn{work - 1}).head, played.inward);
  played.passage->outward({4}, encode(SendOn{work}).head, played.inward);
  EXPECT_TRUE(played.all<SumMessage>().empty());
  played.passage->outward(Passage::gateway, encode(SendOn{work}).head, played.inward);
  ASSERT_EQ(played.all<SumMessage>().size(), 1U);
  EXPECT_EQ(played.all<SumMessage>()[0].first.node, (SnippetRange{0, 2}));
  played.brings(3, {2, 1}, 3);
  EXPECT_EQ(played.passed_on(), 1U);
}

TEST(GatewaySums, who_fails_or_finds_no_number_is_not_waited_for) {
  for (const bool fails : {true, false}) {
    Played played{{0, 2}};
    played.leases(1, {0, 1});
    played.leases(2, {1, 1});
    played.brings(1, {0, 1}, 4);
    if (fails) {
      EXPECT_TRUE(played.says(2, FailedMessage{work, {1, 1}, "no shard"}));
    } else {
      EXPECT_TRUE(played.says(2, StatsMessage{.work = work,
                                              .node = {1, 1},
                                              .index = 1,
                                              .loss = std::numeric_limits<double>::quiet_NaN()}));
      played.brings(2, {1, 1}, 5);
    }
    ASSERT_EQ(played.all<SumMessage>().size(), 1U);
    EXPECT_EQ(played.all<SumMessage>()[0].first.node, (SnippetRange{0, 1}));
    EXPECT_EQ(played.passed_on(), fails ? 0U : 1U);
  }
}

TEST(GatewaySums, sizes_that_do_not_match_are_left_to_the_master) {
  Played played{{0, 2}};
  played.leases(1, {0, 1});
  played.leases(2, {1, 1});
  played.brings(1, {0, 1}, 4);
  EXPECT_TRUE(played.says(2, GradientMessage{work, {1, 1}, parameter}, body_of({1, 2})));
  EXPECT_EQ(played.passed_on(), 1U);
  EXPECT_EQ(played.all<SumMessage>().size(), 1U);
}

Gradient rows_of(const std::vector<std::uint32_t>& numbers, const std::vector<float>& values) {
  BufferPool buffers;
  const auto width =
      static_cast<std::int64_t>(values.size() / std::max<std::size_t>(1, numbers.size()));
  RowGradient rows(numbers.size(), width, buffers);
  std::copy(numbers.begin(), numbers.end(), rows.numbers().begin());
  std::copy(values.begin(), values.end(), rows.values().begin());
  return rows;
}

TEST(GatewaySums, rows_of_a_table_become_the_rows_of_either) {
  Played played{{0, 4}};
  for (std::uint32_t i = 0; i < 4; ++i) played.leases(i + 1, {i, 1});
  const Gradient brought[] = {rows_of({2, 9}, {1, 2, 3, 4}), rows_of({0, 9}, {5, 6, 7, 8}),
                              rows_of({}, {}), rows_of({2}, {10, 20})};
  for (const std::uint32_t i : {3U, 0U, 2U, 1U}) {
    const GradientMessage message{work, {i, 1}, parameter, false, brought[i].form()};
    EXPECT_TRUE(played.says(i + 1, message, brought[i].blob()));
  }
  EXPECT_EQ(played.withheld(), 4U);
  const auto sums = played.all<SumMessage>();
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].first.node, played.root);
  EXPECT_EQ(sums[0].first.form, Gradient::Form::rows);
  const Gradient expected = rows_of({0, 2, 9}, {5, 6, 11, 22, 10, 12});
  ASSERT_EQ(sums[0].second.size(), expected.blob().size());
  EXPECT_EQ(std::memcmp(sums[0].second.bytes().data(), expected.blob().bytes().data(),
                        sums[0].second.size()),
            0);
}

TEST(GatewaySums, rows_that_do_not_fit_the_table_are_left_to_the_master) {
  const Gradient misfits[] = {rows_of({2}, {1, 2}), rows_of({0}, {1, 2, 3})};
  for (const Gradient& misfit : misfits) {
    Played played{{0, 2}};
    played.leases(1, {0, 1});
    played.leases(2, {1, 1});
    EXPECT_TRUE(played.says(1, GradientMessage{work, {0, 1}, parameter}, body_of({1, 2, 3, 4})));
    const GradientMessage message{work, {1, 1}, parameter, false, Gradient::Form::rows};
    EXPECT_TRUE(played.says(2, message, misfit.blob()));
    EXPECT_EQ(played.passed_on(), 1U);
    EXPECT_EQ(played.all<SumMessage>().size(), 1U);
  }
  Played played{{0, 2}};
  played.leases(1, {0, 1});
  played.leases(2, {1, 1});
  const GradientMessage message{work, {0, 1}, parameter, false, Gradient::Form::rows};
  EXPECT_TRUE(played.says(1, message, body_of({1, 2, 3})));
  EXPECT_EQ(played.passed_on(), 1U);
  EXPECT_EQ(played.withheld(), 0U);
}

TEST(GatewaySums, new_work_ends_the_old_and_evaluations_have_no_gradients) {
  Played played{{0, 2}};
  played.leases(1, {0, 1});
  played.leases(2, {1, 1});
  played.brings(1, {0, 1}, 4);
  played.leases(1, {0, 1}, Purpose::evaluate, work + 1);
  played.brings(2, {1, 1}, 4);
  EXPECT_TRUE(played.all<SumMessage>().empty());
  EXPECT_EQ(played.passed_on(), 1U);
}

TEST(GatewaySums, a_lease_of_old_work_that_comes_late_changes_nothing) {
  Played played{{0, 2}};
  played.leases(1, {0, 1});
  played.leases(2, {1, 1});
  played.brings(1, {0, 1}, 4);
  played.leases(3, {0, 2}, Purpose::train, work - 1);
  played.brings(2, {1, 1}, 5);
  ASSERT_EQ(played.all<SumMessage>().size(), 1U);
  EXPECT_EQ(number_in(played.all<SumMessage>()[0].second), 9);
}

TEST(GatewaySums, a_newcomer_does_not_speak_for_its_gateway) {
  Played played{{0, 2}};
  played.leases(1, {0, 1});
  EXPECT_FALSE(played.says(1, SumMessage{work, {0, 2}, parameter}, body_of({1})));
  EXPECT_FALSE(played.says(1, GradientMessage{work, {0, 1}, parameter, true}));
  EXPECT_TRUE(played.inward.empty());
  EXPECT_TRUE(played.passage->inward({1}, {Bytes(5), {}}, played.inward));
  EXPECT_EQ(played.inward.size(), 1U);
}

/// A master's view: which leaves a gradient has come for, and the sum, along the tree.
class Totals {
 public:
  explicit Totals(SnippetRange root) : root_(root), sum_(root), covered_(root.count) {}

  void bring(SnippetRange node, float number) {
    for (std::uint32_t leaf = node.first; leaf < node.end(); ++leaf) {
      EXPECT_FALSE(covered_[leaf]) << "twice";
      covered_[leaf] = true;
    }
    Gradient tensor = Tensor::of({1}, std::span<const float>(&number, 1));
    while (auto pair = sum_.bring(node, std::move(tensor))) {
      const float added = std::as_const(pair->left).dense().values()[0] +
                          std::as_const(pair->right).dense().values()[0];
      tensor = Tensor::of({1}, std::span<const float>(&added, 1));
      node = pair->node;
    }
  }
  [[nodiscard]] bool has(SnippetRange node) const {
    return std::find(covered_.begin() + node.first, covered_.begin() + node.end(), false) ==
           covered_.begin() + node.end();
  }
  [[nodiscard]] float total() const { return sum_.total().dense().values()[0]; }

 private:
  SnippetRange root_;
  TreeSum sum_;
  std::vector<bool> covered_;
};

float naive(const std::vector<float>& leaves, SnippetRange node) {
  if (node.count == 1) return leaves[node.first];
  return naive(leaves, left_child(node)) + naive(leaves, right_child(node));
}

void cut(std::mt19937& random, SnippetRange node, std::vector<SnippetRange>& out) {
  if (node.count == 1 || random() % 3 == 0) return out.push_back(node);
  cut(random, left_child(node), out);
  cut(random, right_child(node), out);
}

TEST(GatewaySums, nothing_is_lost_or_counted_twice_in_any_order) {
  std::size_t sums = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](std::uint32_t most) {
      return std::uniform_int_distribution<std::uint32_t>(1, most)(random);
    };
    Played played{{0, up_to(24)}};
    std::vector<float> leaves(played.root.count);
    for (float& leaf : leaves) leaf = static_cast<float>(random()) / 1e9F;
    std::vector<SnippetRange> nodes;
    cut(random, played.root, nodes);

    Totals totals(played.root);
    std::vector<std::pair<std::uint32_t, SnippetRange>>
        here;  // who brings what through the gateway
    for (const SnippetRange node : nodes) {
      const std::uint32_t peer = up_to(5);
      if (random() % 6 == 0) {
        totals.bring(node, naive(leaves, node));  // somebody else's
      } else {
        here.emplace_back(peer, node);
        played.leases(peer, node);
      }
    }
    std::shuffle(here.begin(), here.end(), random);
    std::vector<SnippetRange> brought;
    std::optional<std::uint32_t> lost;
    for (const auto& [peer, node] : here) {
      if (!lost && random() % 12 == 0) played.loses(*(lost = up_to(5)));
      if (lost == peer) continue;
      played.brings(peer, node, naive(leaves, node));
      brought.push_back(node);
    }
    for (const auto& [gradient, body] : played.all<GradientMessage>()) {
      if (!gradient.withheld) totals.bring(gradient.node, number_in(body));
    }
    for (const auto& [sum, body] : played.all<SumMessage>()) {
      totals.bring(sum.node, number_in(body));
      ++sums;
    }
    for (const SnippetRange node : brought) EXPECT_TRUE(totals.has(node)) << seed;
    if (totals.has(played.root)) {
      EXPECT_EQ(totals.total(), naive(leaves, played.root)) << seed;
    } else {
      EXPECT_TRUE(lost) << seed;
    }
  }
  EXPECT_GT(sums, 1000U);
}

TEST(GatewaySums, any_crowd_behind_gateways_gives_the_same_bits) {
  ClusterBox box;
  const Digest expected = box.run({{}}).weights;
  for (const int gateways : {1, 2, 3}) {
    box.gateways = gateways;
    EXPECT_EQ(box.run({{}, {}, {}, {}, {}}).weights, expected) << gateways;
  }
}

TEST(GatewaySums, a_death_behind_a_gateway_changes_nothing_but_time) {
  ClusterBox box;
  const Digest expected = box.run({{}}).weights;
  box.gateways = 1;
  for (const int dies_after : {3, 9, 20, 33, 57}) {
    EXPECT_EQ(box.run({{}, {.dies_after = dies_after}, {}, {}}).weights, expected) << dies_after;
  }
}

}  // namespace
}  // namespace raven
