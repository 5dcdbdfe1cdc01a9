#include <gtest/gtest.h>

#include <map>
#include <random>

#include "cluster/box.hpp"
#include "cluster/largest_allocation.hpp"
#include "raven/core/error.hpp"
#include "raven/snippet/assembly.hpp"

namespace raven {
namespace {

/// More than an honest conversation about the box's model ever takes at once.
constexpr std::size_t most_memory = std::size_t{4} << 20;
/// Enough for each kind of damage to each message; more by hand.
constexpr int trials = 1500;

const Instant noon{std::chrono::hours(12)};

/// As a liar would end a head: with the right checksum (FNV-1a), so that the damage gets past it.
void seal(Bytes& head) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  if (head.size() < sizeof sum) return;
  const std::size_t size = head.size() - sizeof sum;
  for (std::size_t i = 0; i < size; ++i) {
    sum = (sum ^ std::to_integer<std::uint64_t>(head[i])) * 0x100000001b3U;
  }
  std::memcpy(head.data() + size, &sum, sizeof sum);
}

/// Damages bytes in one of the ways in which a faulty or hostile peer might.
Bytes damaged(Bytes bytes, std::mt19937& random) {
  const auto somewhere = [&] { return random() % std::max<std::size_t>(bytes.size(), 1); };
  switch (random() % 4) {
    case 0:
      bytes.resize(somewhere());
      break;
    case 1:
      bytes.resize(bytes.size() + 1 + random() % 64);
      break;
    case 2:  // a number becomes huge
      for (std::size_t at = somewhere(), i = 0; i < 8 && at + i < bytes.size(); ++i) {
        bytes[at + i] = i == 7 ? std::byte{0x7f} : std::byte{0xff};
      }
      break;
    default:
      for (std::size_t flips = 1 + random() % 3; flips > 0 && !bytes.empty(); --flips) {
        bytes[somewhere()] ^= static_cast<std::byte>(1U << (random() % 8));
      }
  }
  return bytes;
}

Message damaged(const Message& message, std::mt19937& random) {
  Message made = message;
  if (!message.body.empty() && random() % 3 == 0) {
    const ByteSpan body = message.body.bytes();
    made.body = Blob(damaged(Bytes(body.begin(), body.end()), random));
  } else {
    made.head = damaged(message.head, random);
    seal(made.head);
  }
  return made;
}

/// All that an honest contributor says in one step, and what it may say besides.
std::vector<Message> words_of_a_contributor(const ClusterBox& box) {
  const MasterSetup setup = box.setup();
  const ParameterStore parameters = box.fresh_parameters();
  const std::size_t metrics = setup.record(6, Tape::Mode::training).metrics.size();
  const SnippetRange node{0, 8};
  std::vector<Message> words{
      encode(Hello{.numerics = setup.numerics, .node = "fuzz", .threads = 1}),
      encode(Ready{.readable = {0, 1}}), encode(Heartbeat{})};
  for (std::uint32_t i = 0; i < node.count; ++i) {
    words.push_back(encode(StatsMessage{.work = 1,
                                        .node = node,
                                        .index = i,
                                        .loss = 1,
                                        .weight = 6,
                                        .metrics = std::vector<double>(metrics)}));
  }
  BufferPool buffers;
  for (std::uint32_t id = 0; id < parameters.size(); ++id) {
    const Shape& shape = parameters[{id}].value.shape();
    GradientMessage gradient{.work = 1, .node = node, .parameter = {id}};
    if (shape.rank() == 2) {
      RowGradient rows(2, shape[1], buffers);
      std::fill(rows.values().begin(), rows.values().end(), 1.0F);
      rows.numbers()[0] = 3;
      rows.numbers()[1] = 5;
      gradient.form = Gradient::Form::rows;
      words.push_back(encode(gradient, rows.blob()));
    } else {
      words.push_back(encode(gradient, Blob(Bytes(parameters[{id}].value.type().bytes()))));
    }
  }
  words.push_back(
      encode(DoneMessage{.work = 1, .node = node, .compute_ns = 900, .elapsed_ns = 1000}));
  words.push_back(encode(FailedMessage{.work = 2, .node = node, .reason = "no shard"}));
  words.push_back(encode(Leave{"evening"}));
  return words;
}

TEST(Fuzz, a_master_outlives_whatever_a_contributor_says) {
  ClusterBox box;
  const std::vector<Message> words = words_of_a_contributor(box);
  const MasterSetup setup = box.setup();
  ComputePool compute(1);
  BufferPool buffers;
  std::mt19937 random(1);
  int dropped = 0;
  for (int trial = 0; trial < trials; ++trial) {
    Master master(setup, box.fresh_parameters(), compute, buffers, nullptr, noon);
    MasterActions actions;
    const std::size_t changed = random() % words.size();
    (void)largest_allocation();
    try {
      for (std::size_t i = 0; i < words.size(); ++i) {
        const Message& message = i == changed ? damaged(words[i], random) : words[i];
        master.on({Event::Kind::message, {1}, message, {}}, noon, actions);
      }
    } catch (const InputError& error) {
      // What a contributor can say to end a run when it is the only one that could tell.
      EXPECT_NE(std::string(error.what()).find("not a finite number"), std::string::npos)
          << error.what();
      continue;
    }
    EXPECT_LT(largest_allocation(), most_memory) << "trial " << trial << " message " << changed;
    for (const PeerId peer : actions.drops) dropped += peer == PeerId{1} ? 1 : 0;
    // Whoever comes next is let in and, sooner or later, given work.
    actions = {};
    master.on({Event::Kind::message, {2}, words[0], {}}, noon, actions);
    ASSERT_FALSE(actions.sends.empty()) << "trial " << trial << " message " << changed;
    const auto answer = decode(actions.sends.front().second.head);
    EXPECT_TRUE(answer && std::holds_alternative<Welcome>(*answer)) << trial;
  }
  EXPECT_GT(dropped, trials / 4);
}

/// All that a master says to a contributor whose first step begins.
std::vector<Message> words_of_a_master(const ClusterBox& box) {
  ComputePool compute(1);
  BufferPool buffers;
  const MasterSetup setup = box.setup();
  Master master(setup, box.fresh_parameters(), compute, buffers, nullptr, noon);
  MasterActions actions;
  const Hello hello{.numerics = setup.numerics, .threads = 1};
  master.on({Event::Kind::message, {1}, encode(hello), {}}, noon, actions);
  master.on({Event::Kind::message, {1}, encode(Ready{.readable = {0, 1}}), {}}, noon, actions);
  std::vector<Message> words;
  for (auto& [peer, message] : actions.sends) words.push_back(std::move(message));
  const Shape& table = master.parameters()[{0}].value.shape();
  RowGradient rows(1, table[1], buffers);
  std::fill(rows.values().begin(), rows.values().end(), 1.0F);
  rows.numbers()[0] = 2;
  words.push_back(encode(RowsMessage{.id = {0}, .from = 0, .version = 1}, rows.blob()));
  words.push_back(encode(Heartbeat{}));
  return words;
}

/// Tells a contributor all words. @return the batches that it would have computed
std::vector<SnippetBatch> listen(const std::vector<Message>& words) {
  Contributor contributor(
      {.hello = {.threads = 1},
       .open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); }},
      noon);
  ContributorActions actions;
  contributor.begin(actions);
  for (const Message& message : words) {
    if (contributor.finished()) break;
    contributor.on({Event::Kind::message, {0}, message, {}}, noon, actions);
  }
  return std::move(actions.starts);
}

TEST(Fuzz, a_contributor_outlives_whatever_its_master_says) {
  ClusterBox box;
  const std::vector<Message> words = words_of_a_master(box);
  ASSERT_EQ(listen(words).size(), 1U);
  std::mt19937 random(2);
  int refused = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<Message> changed = words;
    const std::size_t at = random() % words.size();
    changed[at] = damaged(words[at], random);
    (void)largest_allocation();
    refused += listen(changed).empty() ? 1 : 0;
    EXPECT_LT(largest_allocation(), most_memory) << "trial " << trial << " message " << at;
  }
  EXPECT_GT(refused, trials / 4);
}

/// Computes what a contributor was talked into: batches may fail, and nothing worse.
void compute_all(std::vector<SnippetBatch> batches, ComputePool& pool, BufferPool& buffers) {
  Executor executor(pool, buffers, [] {});
  for (SnippetBatch& batch : batches) executor.compute(std::move(batch));
  EXPECT_EQ(executor.busy(), 0U);
}

TEST(Fuzz, a_contributor_outlives_any_assembly) {
  ClusterBox box(ClusterBox::Data::sentences);
  const std::vector<Message> words = words_of_a_master(box);
  ASSERT_EQ(listen(words).size(), 1U);
  ComputePool pool(1);
  BufferPool buffers;
  std::mt19937 random(4);
  int refused = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<Message> changed = words;
    std::map<Digest, Digest> assemblies;  // before and after
    // Assemblies that are damaged but bear their right digests, and leases that ask for them.
    for (Message& message : changed) {
      AnyMessage said = decode(message.head).value();
      if (auto* assembly = std::get_if<AssemblyMessage>(&said)) {
        const ByteSpan body = message.body.bytes();
        message.body = Blob(damaged(Bytes(body.begin(), body.end()), random));
        const Digest before = assembly->digest;
        assemblies[before] = assembly->digest = digest_of(message.body.bytes());
        message.head = encode(said).head;
      } else if (auto* lease = std::get_if<Lease>(&said)) {
        for (Snippet& snippet : lease->snippets) snippet.graph = assemblies.at(snippet.graph);
        message.head = encode(said).head;
      }
    }
    (void)largest_allocation();
    std::vector<SnippetBatch> batches = listen(changed);
    EXPECT_LT(largest_allocation(), most_memory) << "trial " << trial;
    refused += batches.empty() ? 1 : 0;
    compute_all(std::move(batches), pool, buffers);
  }
  EXPECT_GT(refused, trials / 4);
}

/// An assembly of the same graphs, samples and gradients, but in another way.
Assembly rearranged(Assembly assembly, std::mt19937& random) {
  const auto some = [&](std::size_t below) { return random() % below; };
  switch (random() % 4) {
    case 0:
      assembly.of_sample[some(assembly.of_sample.size())] =
          static_cast<std::uint32_t>(some(assembly.graphs.size()));
      break;
    case 1:
      std::swap(assembly.graphs[some(assembly.graphs.size())], assembly.graphs.front());
      break;
    case 2:
      assembly.gradients.erase(assembly.gradients.begin(),
                               assembly.gradients.begin() +
                                   static_cast<std::ptrdiff_t>(some(assembly.gradients.size())));
      break;
    default:
      assembly.autobatch = Autobatch::off;
  }
  return assembly;
}

TEST(Fuzz, a_contributor_outlives_assemblies_that_make_sense_but_do_not_fit) {
  ClusterBox box(ClusterBox::Data::sentences);
  const std::vector<Message> words = words_of_a_master(box);
  ComputePool pool(1);
  BufferPool buffers;
  std::mt19937 random(5);
  for (int trial = 0; trial < trials / 5; ++trial) {
    std::vector<Message> changed = words;
    std::map<Digest, Digest> assemblies;
    for (Message& message : changed) {
      AnyMessage said = decode(message.head).value();
      if (auto* assembly = std::get_if<AssemblyMessage>(&said)) {
        message.body =
            Blob(encode(rearranged(decode_assembly(message.body.bytes()).value(), random)));
        const Digest before = assembly->digest;
        assemblies[before] = assembly->digest = digest_of(message.body.bytes());
        message.head = encode(said).head;
      } else if (auto* lease = std::get_if<Lease>(&said)) {
        for (Snippet& snippet : lease->snippets) snippet.graph = assemblies.at(snippet.graph);
        message.head = encode(said).head;
      }
    }
    std::vector<SnippetBatch> batches = listen(changed);
    EXPECT_EQ(batches.size(), 1U) << "trial " << trial;
    compute_all(std::move(batches), pool, buffers);
  }
}

TEST(Fuzz, a_contributor_outlives_any_graph) {
  ClusterBox box;
  box.batch_norm = true;
  const std::vector<Message> words = words_of_a_master(box);
  std::mt19937 random(3);
  int refused = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<Message> changed = words;
    Digest before;
    Digest after;
    // A graph that is damaged but bears its right digest, and leases that ask for it by that.
    for (Message& message : changed) {
      AnyMessage said = decode(message.head).value();
      if (auto* graph = std::get_if<GraphMessage>(&said)) {
        const ByteSpan body = message.body.bytes();
        message.body = Blob(damaged(Bytes(body.begin(), body.end()), random));
        before = graph->digest;
        after = graph->digest = digest_of(message.body.bytes());
        message.head = encode(said).head;
      } else if (auto* lease = std::get_if<Lease>(&said)) {
        for (Snippet& snippet : lease->snippets) {
          if (snippet.graph == before) snippet.graph = after;
        }
        message.head = encode(said).head;
      }
    }
    (void)largest_allocation();
    refused += listen(changed).empty() ? 1 : 0;
    EXPECT_LT(largest_allocation(), most_memory) << "trial " << trial;
  }
  EXPECT_GT(refused, trials / 4);
}

}  // namespace
}  // namespace raven
