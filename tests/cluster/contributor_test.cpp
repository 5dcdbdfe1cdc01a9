#include "raven/cluster/contributor.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "cluster/box.hpp"

namespace raven {
namespace {

const Instant noon{std::chrono::hours(12)};

/// What a contributor answers to a welcome when it has this memory, after which it is sent one
/// parameter and one graph.
Ready ready_after(const Welcome& welcome, const RunOffer& offer,
                  const std::shared_ptr<ContributorMemory>& memory, const Message& graph) {
  Contributor contributor(
      {.hello = {.threads = 1},
       .memory = memory,
       .open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); }},
      noon);
  ContributorActions actions;
  contributor.begin(actions);
  const auto hear = [&](const Message& message) {
    contributor.on({Event::Kind::message, {0}, message, {}}, noon, actions);
  };
  hear(encode(welcome, encode(offer)));
  const Message answer = actions.sends.back();
  const ValueType& type = offer.parameters.front();
  hear(encode(ParameterMessage{.id = {0}, .version = 5}, Blob(Bytes(type.bytes()))));
  hear(graph);
  EXPECT_FALSE(contributor.finished());
  return std::get<Ready>(decode(answer.head).value());
}

TEST(Contributor, remembers_what_it_was_sent_within_one_life_of_a_master) {
  const ClusterBox box;
  const Blob bytes(encode(box.setup().record(6, Tape::Mode::training)));
  const Digest digest = digest_of(bytes.bytes());
  const Message graph = encode(GraphMessage{digest}, bytes);
  const DatasetOffer data = box.setup().datasets.front();
  RunOffer offer{.datasets = {data}, .parameters = {{DType::f32, {3}}, {DType::f32, {2, 2}}}};
  Welcome welcome;
  welcome.session.bytes.fill(std::byte{1});
  const auto memory = std::make_shared<ContributorMemory>();
  constexpr std::uint64_t none = Ready::no_version;

  const Ready first = ready_after(welcome, offer, memory, graph);
  EXPECT_TRUE(first.graphs.empty());
  EXPECT_TRUE(first.versions.empty());

  const Ready again = ready_after(welcome, offer, memory, graph);
  EXPECT_EQ(again.graphs, std::vector<Digest>{digest});
  EXPECT_EQ(again.versions, (std::vector<std::uint64_t>{5, none}));

  // A parameter of another type can't be the one that is meant.
  offer.parameters.front() = {DType::f32, {4}};
  EXPECT_EQ(ready_after(welcome, offer, memory, graph).versions,
            (std::vector<std::uint64_t>{none, none}));

  // After another master's birth the same versions may mean other values; graphs are what they are.
  welcome.session.bytes.fill(std::byte{2});
  const Ready reborn = ready_after(welcome, offer, memory, graph);
  EXPECT_EQ(reborn.graphs, std::vector<Digest>{digest});
  EXPECT_TRUE(reborn.versions.empty());

  // A master that names no life of its own is not believed to be the same.
  welcome.session = {};
  (void)ready_after(welcome, offer, memory, graph);
  EXPECT_TRUE(ready_after(welcome, offer, memory, graph).versions.empty());
}

TEST(Contributor, leaves_a_master_whose_numbers_make_no_sense) {
  const ClusterBox box;
  const RunOffer honest{.datasets = {box.setup().datasets.front()}, .parameters = {}};
  const auto stays = [&](const Welcome& welcome, const RunOffer& offer) {
    Contributor contributor(
        {.hello = {.threads = 1},
         .open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); }},
        noon);
    ContributorActions actions;
    contributor.begin(actions);
    contributor.on({Event::Kind::message, {0}, encode(welcome, encode(offer)), {}}, noon, actions);
    return !contributor.finished();
  };
  EXPECT_TRUE(stays({}, honest));
  EXPECT_FALSE(stays({.batch = 0}, honest));
  EXPECT_FALSE(stays({.batch = std::int64_t{1} << 40}, honest));
  EXPECT_FALSE(stays({}, {}));
  RunOffer endless = honest;
  endless.datasets[0].rows = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(stays({}, endless));
}

}  // namespace
}  // namespace raven
