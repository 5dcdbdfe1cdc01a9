#include "raven/cluster/contributor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "cluster/box.hpp"
#include "raven/data/sampler.hpp"
#include "raven/graph/tape.hpp"
#include "raven/snippet/assembly.hpp"

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

/// A graph that is like no other of another number.
Blob graph_of(std::int64_t number) {
  Tape tape;
  tape.set_prediction(tape.input(slot_features, {DType::f32, {1, number + 1}}));
  return Blob(encode(tape.take()));
}

TEST(Contributor, remembers_the_graphs_that_it_used_last) {
  const ClusterBox box;
  const RunOffer offer{.datasets = {box.setup().datasets.front()},
                       .parameters = {{DType::f32, {3}}}};
  const auto memory = std::make_shared<ContributorMemory>();
  constexpr std::int64_t many = std::int64_t{Ready::max_graphs} + 100;
  {
    Contributor contributor(
        {.hello = {.threads = 1},
         .memory = memory,
         .open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); }},
        noon);
    ContributorActions actions;
    const auto hears = [&](const AnyMessage& message, Blob body) {
      contributor.on({Event::Kind::message, {0}, encode(message, std::move(body)), {}}, noon,
                     actions);
    };
    contributor.begin(actions);
    hears(Welcome{}, encode(offer));
    for (std::int64_t i = 0; i < many; ++i) {
      const Blob graph = graph_of(i);
      hears(GraphMessage{digest_of(graph.bytes())}, graph);
    }
    // The oldest of all is used once more.
    const Blob assembly(encode(
        Assembly{.graphs = {digest_of(graph_of(0).bytes())}, .of_sample = {0}, .gradients = {}}));
    hears(AssemblyMessage{digest_of(assembly.bytes()), 1}, assembly);
    ASSERT_FALSE(contributor.finished()) << contributor.ending().why;
  }
  const Blob last = graph_of(many - 1);
  Ready ready =
      ready_after(Welcome{}, offer, memory, encode(GraphMessage{digest_of(last.bytes())}, last));
  std::vector<Digest> expected{digest_of(graph_of(0).bytes())};
  for (std::int64_t i = 101; i < many; ++i) expected.push_back(digest_of(graph_of(i).bytes()));
  std::ranges::sort(expected);
  std::ranges::sort(ready.graphs);
  EXPECT_EQ(ready.graphs.size(), Ready::max_graphs);
  EXPECT_EQ(ready.graphs, expected);
}

/// What comes of a lease of six samples, from the third of a batch on, with these bytes in its
/// body.
struct Leased {
  std::vector<std::int64_t> read;  ///< numbers of samples that shards were asked for
  std::string why;                 ///< it ended
};

Leased leased(const ClusterBox& box, Bytes body, Purpose purpose = Purpose::train) {
  const MasterSetup setup = box.setup();
  Leased result;
  Contributor contributor({.hello = {.threads = 1},
                           .open_dataset =
                               [&](const DatasetOffer&, std::uint64_t) {
                                 return [&](std::span<const std::int64_t> samples,
                                            const RowViews&) -> std::string {
                                   result.read.assign(samples.begin(), samples.end());
                                   return {};
                                 };
                               }},
                          noon);
  ContributorActions actions;
  const auto hears = [&](const AnyMessage& message, Blob bytes) {
    contributor.on({Event::Kind::message, {0}, encode(message, std::move(bytes)), {}}, noon,
                   actions);
  };
  contributor.begin(actions);
  RunOffer offer{.datasets = {setup.datasets.front()}, .parameters = {}};
  const ParameterStore parameters = box.fresh_parameters();
  for (const Parameter& parameter : parameters.all()) {
    offer.parameters.push_back(parameter.value.type());
  }
  hears(Welcome{.seed = 3, .batch = 48}, encode(offer));
  const Blob graph(encode(setup.record(6, Tape::Mode::training)));
  hears(GraphMessage{digest_of(graph.bytes())}, graph);
  for (std::uint32_t id = 0; id < parameters.size(); ++id) {
    hears(ParameterMessage{.id = {id}, .version = 1}, parameters[{id}].value.blob());
  }
  hears(Lease{.work = 1,
              .purpose = purpose,
              .node = {0, 1},
              .root = {0, 1},
              .snippets = {{.index = 0, .graph = digest_of(graph.bytes()), .first = 2, .rows = 6}},
              .versions = std::vector<std::uint64_t>(parameters.size(), 1)},
        Blob(std::move(body)));
  result.why = contributor.finished() ? contributor.ending().why : "";
  if (actions.starts.size() == 1) {
    const SnippetBatch& batch = actions.starts.front();
    EXPECT_EQ(batch.read_rows(batch.snippets.front(), {}), "");
  }
  return result;
}

Bytes bytes_of(const std::vector<std::int64_t>& numbers) {
  const ByteSpan bytes = std::as_bytes(std::span(numbers));
  return {bytes.begin(), bytes.end()};
}

TEST(Contributor, reads_the_samples_that_come_with_the_work) {
  const ClusterBox box;
  const std::vector<std::int64_t> numbers{5, 0, 7, 299, 5, 1};
  const Leased listed = leased(box, bytes_of(numbers));
  EXPECT_EQ(listed.why, "");
  EXPECT_EQ(listed.read, numbers);

  // Without any they follow from the welcome.
  const Leased unlisted = leased(box, {});
  EXPECT_EQ(unlisted.why, "");
  const Sampler sampler{.seed = 3, .size = box.setup().datasets[0].rows, .batch = 48};
  const std::vector<std::int64_t> batch = sampler.batch_at(0);
  EXPECT_EQ(unlisted.read, std::vector<std::int64_t>(batch.begin() + 2, batch.begin() + 8));
}

TEST(Contributor, goes_at_once_when_it_is_told_to_before_it_was_let_in) {
  Contributor contributor(
      {.hello = {.threads = 1},
       .memory = {},
       .open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); }},
      noon);
  ContributorActions actions;
  contributor.begin(actions);
  contributor.leave(std::chrono::seconds(10), noon, actions);
  EXPECT_TRUE(contributor.finished());
  EXPECT_EQ(contributor.ending().kind, ContributorEnd::Kind::left);
}

TEST(Contributor, leaves_a_master_whose_samples_are_not_there) {
  const ClusterBox box;
  const std::int64_t size = box.setup().datasets.front().rows;
  const std::string senseless = "the master sent a lease that makes no sense";
  EXPECT_EQ(leased(box, bytes_of({0, 1, 2, 3, 4, size - 1})).why, "");
  EXPECT_EQ(leased(box, bytes_of({0, 1, 2, 3, 4, size})).why, senseless);
  EXPECT_EQ(leased(box, bytes_of({-1, 1, 2, 3, 4, 5})).why, senseless);
  EXPECT_EQ(leased(box, bytes_of({0, 1, 2, 3, 4})).why, senseless);
  EXPECT_EQ(leased(box, bytes_of({0, 1, 2, 3, 4, 5, 6})).why, senseless);
  EXPECT_EQ(leased(box, Bytes(47)).why, senseless);
  EXPECT_EQ(leased(box, bytes_of({0, 1, 2, 3, 4, 5}), Purpose::evaluate).why, senseless);
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
